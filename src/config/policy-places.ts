/** What policies themselves have to say of a configuration that fits its schema: files to be read, and remarks. */
import type { OptionFiles, PolicyDefinition, PolicySurroundings, Remark } from '../core/policy.ts'
import { policyKind } from '../core/policy-name.ts'
import type { StoreName } from '../core/store.ts'
import type { Problem } from './diagnostics.ts'
import { effectivePolicies, type GatewayIr, type PolicyIr, type ServiceIr, servicesOf } from './ir.ts'
import { withoutValue } from './messages.ts'
import type { NativeConfig, PolicyBlock } from './schema.ts'
import { NO_FOLDER, pathBeside, type ReadFile, type ReadFileBytes, reasonOf } from './secret.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from './tree.ts'

type Definitions = ReadonlyMap<string, PolicyDefinition<unknown>>
type Blocks = Readonly<Record<string, PolicyBlock | undefined>>

/** Largest file that a policy's options may name. */
const POLICY_FILE_BYTES_MAX = 4 * 2 ** 20

/** Every block of policies with its path. */
function placesOf(config: NativeConfig): { readonly path: ConfigPath; readonly blocks: Blocks }[] {
  const places: { path: ConfigPath; blocks: Blocks }[] = []
  const add = (path: ConfigPath, blocks: Blocks | undefined): void => {
    if (blocks !== undefined) places.push({ path, blocks })
  }
  add(['policies'], config.policies)
  for (const [name, { policies }] of Object.entries(config.services)) add(['services', name, 'policies'], policies)
  for (const [name, { policies }] of Object.entries(config.routes)) add(['routes', name, 'policies'], policies)
  for (const [name, { policies, routes }] of Object.entries(config.consumers)) {
    add(['consumers', name, 'policies'], policies)
    for (const [route, own] of Object.entries(routes)) add(['consumers', name, 'routes', route, 'policies'], own.policies)
  }
  return places
}

export interface ResolveOptions {
  readonly definitions: Definitions
  readonly readFile: ReadFile
  readonly readFileBytes: ReadFileBytes
  /** Takes the path of every file that was asked for, so that changes of it can be watched. */
  readonly onFile: (path: string) => void
}

/** Puts what is in files in place of their names, where a policy's options name some. Changes the options of `config`. */
export async function resolvePolicies(
  config: NativeConfig,
  tree: ConfigNode,
  { definitions, readFile, readFileBytes, onFile }: ResolveOptions,
  problems: Problem[],
): Promise<void> {
  for (const { path, blocks } of placesOf(config)) {
    for (const [name, block] of Object.entries(blocks)) {
      const definition = definitions.get(policyKind(name))
      if (block === undefined || block.mode === 'off' || definition?.resolve === undefined) continue
      const at = [...path, name]
      const document = locate(tree, at).file
      const from = async <Content>(reader: (path: string, bytesMax: number) => Promise<Content>, asked: string): Promise<Content> => {
        const file = pathBeside(document, asked)
        if (file === null) throw new Error(`the file \`${asked}\` cannot be read: ${NO_FOLDER}`)
        onFile(file)
        try {
          return await reader(file, POLICY_FILE_BYTES_MAX)
        } catch (error) {
          throw new Error(`the file \`${asked}\` cannot be read: ${reasonOf(error)}`, { cause: error })
        }
      }
      const files: OptionFiles = { read: (asked) => from(readFile, asked), readBytes: (asked) => from(readFileBytes, asked) }
      try {
        Object.assign(block, { options: await definition.resolve(block.options, files) })
      } catch (error) {
        problems.push({
          severity: 'error',
          location: locate(tree, at, 'key'),
          message: error instanceof Error ? error.message : String(error),
        })
      }
    }
  }
}

/**
 * Has every policy look at itself where it takes effect. A remark that is the same for many routes is told once; one that is true for some
 * of the routes where the policy is in force names them.
 * @param definitions in the order in which policies act
 */
export function reviewPolicies(ir: GatewayIr, tree: ConfigNode, definitions: Definitions, problems: Problem[]): void {
  const reviewer = new Reviewer(ir, tree, definitions)
  const services = new Map(ir.services.map((service) => [service.name, service]))
  const scopesOf = new Map<string, readonly (readonly PolicyIr[])[]>()
  for (const route of ir.routes) {
    const asked = servicesOf(route)
    for (const name of asked.length === 0 ? [''] : asked) {
      const service = services.get(name)
      const scopes = [ir.policies, service?.policies ?? [], route.policies]
      scopesOf.set(route.name, scopes)
      reviewer.review(scopes, { route: route.name, service: service === undefined ? null : { http2: mayBeHttp2(service) } })
    }
  }
  if (ir.routes.length === 0) reviewer.review([ir.policies])
  for (const { policies, routes } of ir.consumers) {
    if (policies.length > 0) reviewer.review([ir.policies, policies], { only: policies })
    for (const own of routes) {
      reviewer.review([...(scopesOf.get(own.route) ?? [ir.policies]), policies, own.policies], { only: own.policies })
    }
  }
  reviewer.tell(problems)
}

/** Without TLS HTTP/2 is spoken only where the configuration says so. */
function mayBeHttp2({ protocol, tls }: ServiceIr): boolean {
  return protocol === 'h2' || (protocol === 'auto' && tls !== null)
}

/** Routes that a remark names; more are counted. */
const ROUTES_TOLD_MAX = 3

/** A remark at its place, with the routes that it is true for. */
interface Found {
  readonly policy: PolicyIr
  readonly problem: Problem
  readonly routes: Set<string>
}

interface ReviewedPlace {
  readonly route?: string
  /** The policies to review; all that are in force when it is left out. A consumer's policies act on callers that are known. */
  readonly only?: readonly PolicyIr[]
  readonly service?: NonNullable<PolicySurroundings['service']> | null
}

class Reviewer {
  readonly #definitions: Definitions
  readonly #tree: ConfigNode
  readonly #paths = new Map<PolicyIr, ConfigPath>()
  /** By place and message. */
  readonly #found = new Map<string, Found>()
  /** On how many routes a policy is in force. */
  readonly #routes = new Map<PolicyIr, number>()
  readonly #stores: ReadonlySet<StoreName>
  readonly #consumers: ReadonlySet<string>
  readonly #clientCertificates: boolean
  readonly #compatibility: GatewayIr['compatibility']

  constructor(ir: GatewayIr, tree: ConfigNode, definitions: Definitions) {
    this.#definitions = definitions
    this.#tree = tree
    this.#stores = new Set<StoreName>(ir.stores.redis === null ? ['memory'] : ['memory', 'redis'])
    this.#consumers = new Set(ir.consumers.map(({ name }) => name))
    this.#compatibility = ir.compatibility
    this.#clientCertificates = ir.listeners.some(({ tls }) => tls !== null && tls.clientCertificates !== null)
    this.#addPaths(['policies'], ir.policies)
    for (const { name, policies } of ir.services) this.#addPaths(['services', name, 'policies'], policies)
    for (const { name, policies } of ir.routes) this.#addPaths(['routes', name, 'policies'], policies)
    for (const { name, policies, routes } of ir.consumers) {
      this.#addPaths(['consumers', name, 'policies'], policies)
      for (const own of routes) this.#addPaths(['consumers', name, 'routes', own.route, 'policies'], own.policies)
    }
  }

  #addPaths(path: ConfigPath, policies: readonly PolicyIr[]): void {
    for (const policy of policies) this.#paths.set(policy, [...path, policy.name])
  }

  /** @param scopes from the least to the most specific */
  review(scopes: readonly (readonly PolicyIr[])[], { route, only, service }: ReviewedPlace = {}): void {
    const inForce = effectivePolicies(scopes)
    const byKind = new Map(inForce.map((policy) => [policy.kind, policy.options]))
    const around: PolicySurroundings = {
      optionsOf: (kind) => byKind.get(kind),
      authenticates:
        only !== undefined || inForce.some(({ kind, mode }) => mode === 'enforce' && this.#definitions.get(kind)?.authenticates === true),
      stores: this.#stores,
      consumers: this.#consumers,
      clientCertificates: this.#clientCertificates,
      compatibility: this.#compatibility,
      ...(service === undefined ? {} : { service }),
    }
    for (const policy of inForce) {
      if (only?.includes(policy) === false) continue
      if (route !== undefined) this.#routes.set(policy, (this.#routes.get(policy) ?? 0) + 1)
      for (const remark of this.#definitions.get(policy.kind)?.review?.(policy.options, around) ?? []) this.#note(policy, remark, route)
    }
  }

  #note(policy: PolicyIr, { severity, path, message }: Remark, route: string | undefined): void {
    const at = [...(this.#paths.get(policy) ?? []), ...path]
    const location = locate(this.#tree, at, path.length === 0 ? 'key' : 'value')
    const key = `${location.file}:${location.line}:${location.column} ${message}`
    const problem = { severity, location, message: withoutValue(message, nodeAt(this.#tree, at)) }
    const found = this.#found.get(key) ?? { policy, problem, routes: new Set() }
    this.#found.set(key, found)
    if (route !== undefined) found.routes.add(route)
  }

  /** Adds all that was found to the problems. */
  tell(problems: Problem[]): void {
    for (const { policy, problem, routes } of this.#found.values()) {
      const some = routes.size > 0 && routes.size < (this.#routes.get(policy) ?? 0)
      problems.push(some ? { ...problem, message: `${problem.message} (${onRoutes([...routes])})` } : problem)
    }
  }
}

/** ``on the routes `a`, `b`, `c` and 2 more``. */
function onRoutes(names: readonly string[]): string {
  const told = names.slice(0, ROUTES_TOLD_MAX).map((name) => `\`${name}\``)
  const more = names.length > told.length ? ` and ${names.length - told.length} more` : ''
  return `on ${names.length === 1 ? 'route' : 'the routes'} ${told.join(', ')}${more}`
}

/** Keys such as `transform:edge` wherever policies stand, of whatever kind. */
export function namedPolicies(tree: ConfigNode): string[] {
  const names = new Set<string>()
  const visit = (node: ConfigNode, isPolicies: boolean): void => {
    if (node.kind === 'list') for (const item of node.items) visit(item, false)
    if (node.kind !== 'map') return
    for (const [key, { node: inner }] of node.entries) {
      if (isPolicies && key.includes(':')) names.add(key)
      visit(inner, key === 'policies')
    }
  }
  visit(tree, false)
  return [...names]
}
