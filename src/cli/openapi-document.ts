/** One OpenAPI 3.1 document of what several routes offer. */
import { isDeepStrictEqual } from 'node:util'
import { effectivePolicies, type GatewayIr, type ListenerIr, type PolicyIr, type RouteIr, servicesOf } from '../config/ir.ts'
import { type ApiDescription, isList, type JsonValue, membersOf, textAt } from '../core/openapi.ts'
import type { PolicyDefinition } from '../core/policy.ts'
import { PublicPaths } from './openapi-paths.ts'
import { securityOf } from './openapi-security.ts'

export interface OpenApiDocument {
  readonly document: JsonValue
  /** What could not be described, and why; one sentence each. */
  readonly notes: readonly string[]
}

/** @param routeName the only route to describe; undefined for all */
export async function openApiDocument(
  ir: GatewayIr,
  definitions: readonly PolicyDefinition<unknown>[],
  routeName: string | undefined,
): Promise<OpenApiDocument> {
  const maker = new DocumentMaker(ir, definitions)
  for (const route of ir.routes) if (routeName === undefined || route.name === routeName) await maker.add(route)
  return maker.result()
}

type Members = Record<string, JsonValue>

class DocumentMaker {
  readonly #ir: GatewayIr
  readonly #definitions: ReadonlyMap<string, PolicyDefinition<unknown>>
  readonly #servicePolicies: ReadonlyMap<string, readonly PolicyIr[]>
  readonly #notes: string[] = []
  /** Notes on routes that take nothing of what is behind them: calls of gRPC itself, perhaps. Where no route takes any it is a mistake. */
  readonly #passedBy: string[] = []
  readonly #paths: Record<string, Members> = {}
  readonly #schemas: Members = {}
  readonly #schemes: Members = {}
  readonly #tags = new Map<string, JsonValue>()
  readonly #operationIds = new Set<string>()

  constructor(ir: GatewayIr, definitions: readonly PolicyDefinition<unknown>[]) {
    this.#ir = ir
    this.#definitions = new Map(definitions.map((definition) => [definition.kind, definition]))
    this.#servicePolicies = new Map(ir.services.map(({ name, policies }) => [name, policies]))
  }

  async add(route: RouteIr): Promise<void> {
    const [service = ''] = servicesOf(route)
    const policies = effectivePolicies([this.#ir.policies, this.#servicePolicies.get(service) ?? [], route.policies])
    for (const policy of policies) {
      const definition = this.#definitions.get(policy.kind)
      if (policy.mode !== 'enforce' || definition?.describeApi === undefined) continue
      try {
        const description = await definition.describeApi(policy.options)
        if (description === null) this.#notes.push(`route \`${route.name}\`: \`${policy.kind}\` does not tell what it offers`)
        else this.#describe(route, policies, description)
      } catch (error) {
        this.#notes.push(`route \`${route.name}\`: \`${policy.kind}\`: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  #describe(route: RouteIr, policies: readonly PolicyIr[], description: ApiDescription): void {
    const paths = new PublicPaths(route, policies)
    if (paths.problem !== null) {
      this.#notes.push(`route \`${route.name}\`: ${paths.problem}`)
      return
    }
    const renamed = this.#addSchemas(route.name, description)
    const { schemes, requirements } = securityOf(policies)
    const used = new Set<string>()
    let isOffered = false
    for (const [template, operations] of Object.entries(description.paths)) {
      const path = paths.pathFor(template)
      for (const [method, operation] of Object.entries(operations)) {
        if (path === null || !paths.takes(method.toUpperCase())) continue
        isOffered = true
        for (const tag of tagsOf(operation)) used.add(tag)
        this.#addOperation(route, path, method, withRefs(operation, renamed), requirements)
      }
    }
    const [first] = Object.keys(description.paths)
    if (!isOffered && first !== undefined)
      this.#passedBy.push(`route \`${route.name}\`: it takes no request for \`${first}\` or the like; see \`basePath\``)
    if (used.size > 0) Object.assign(this.#schemes, schemes)
    for (const tag of description.tags ?? []) {
      const name = textAt(tag, 'name')
      if (used.has(name) && !this.#tags.has(name)) this.#tags.set(name, tag)
    }
  }

  #addOperation(route: RouteIr, path: string, method: string, operation: JsonValue, security: readonly JsonValue[]): void {
    const item = this.#paths[path] ?? {}
    const { servers } = item
    const own = serversOf(this.#ir.listeners, route)
    if (item[method] !== undefined || (servers !== undefined && !isDeepStrictEqual(servers, own))) {
      this.#notes.push(`route \`${route.name}\`: \`${method.toUpperCase()} ${path}\` is described already, for another route`)
      return
    }
    const id = this.#uniqueId(route.name, operation)
    item['servers'] = own
    item[method] = {
      ...membersOf(operation),
      ...(id !== '' && { operationId: id }),
      ...(security.length > 0 && { security }),
    }
    this.#paths[path] = item
  }

  #uniqueId(routeName: string, operation: JsonValue): string {
    const id = textAt(operation, 'operationId')
    const unique = this.#operationIds.has(id) ? `${routeName}.${id}` : id
    this.#operationIds.add(unique)
    return unique
  }

  /**
   * Adds schemas. One whose name is another's already gets a new name, and so does each that refers to it.
   * @returns the new names by the old ones
   */
  #addSchemas(routeName: string, { schemas }: ApiDescription): ReadonlyMap<string, string> {
    const renamed = new Map<string, string>()
    const rename = (name: string): void => {
      if (renamed.has(name)) return
      renamed.set(name, `${routeName}.${name}`)
      for (const [other, schema] of Object.entries(schemas)) if (refersTo(schema, name)) rename(other)
    }
    for (const [name, schema] of Object.entries(schemas)) {
      const known = this.#schemas[name]
      if (known !== undefined && !isDeepStrictEqual(known, schema)) rename(name)
    }
    for (const [name, schema] of Object.entries(schemas)) this.#schemas[renamed.get(name) ?? name] = withRefs(schema, renamed)
    return renamed
  }

  result(): OpenApiDocument {
    const { paths, servers } = withCommonServers(this.#paths)
    const document = {
      openapi: '3.1.0',
      info: { title: 'API', version: this.#ir.revision },
      ...(servers !== null && { servers }),
      ...(this.#tags.size > 0 && { tags: [...this.#tags.values()] }),
      paths,
      components: {
        schemas: usedSchemas(this.#schemas, paths),
        ...(Object.keys(this.#schemes).length > 0 && { securitySchemes: this.#schemes }),
      },
    }
    return { document, notes: Object.keys(this.#paths).length === 0 ? [...this.#notes, ...this.#passedBy] : this.#notes }
  }
}

function tagsOf(operation: JsonValue): readonly string[] {
  const { tags } = membersOf(operation)
  return isList(tags) ? tags.map(String) : []
}

const SCHEMAS = '#/components/schemas/'

function refersTo(schema: JsonValue, name: string): boolean {
  return refsIn(schema).includes(name)
}

/** The schemas that a part of a document refers to, by name. */
function refsIn(value: JsonValue | undefined): readonly string[] {
  if (isList(value)) return value.flatMap(refsIn)
  return Object.entries(membersOf(value)).flatMap(([key, item]) =>
    key === '$ref' && typeof item === 'string' ? [item.slice(SCHEMAS.length)] : refsIn(item),
  )
}

/** A part of a document with references to schemas by their new names. */
function withRefs(value: JsonValue, renamed: ReadonlyMap<string, string>): JsonValue {
  if (renamed.size === 0 || typeof value !== 'object' || value === null) return value
  if (isList(value)) return value.map((item) => withRefs(item, renamed))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (item === undefined || key !== '$ref' || typeof item !== 'string')
        return [key, item === undefined ? item : withRefs(item, renamed)]
      const name = item.slice(SCHEMAS.length)
      return [key, `${SCHEMAS}${renamed.get(name) ?? name}`]
    }),
  )
}

/** Servers that all paths have in common are the document's. */
function withCommonServers(items: Readonly<Record<string, Members>>): { readonly paths: Members; readonly servers: JsonValue | null } {
  const all = Object.values(items).map(({ servers }) => servers ?? null)
  const [first] = all
  if (first === undefined || first === null || !all.every((servers) => isDeepStrictEqual(servers, first)))
    return { paths: { ...items }, servers: null }
  const paths: Members = {}
  for (const [path, item] of Object.entries(items))
    paths[path] = Object.fromEntries(Object.entries(item).filter(([key]) => key !== 'servers'))
  return { paths, servers: first }
}

/** The schemas that a document refers to, and those that they refer to. */
function usedSchemas(schemas: Members, paths: JsonValue): Members {
  const used = new Set(refsIn(paths))
  for (const name of used) for (const other of refsIn(schemas[name])) used.add(other)
  return Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)))
}

const DEFAULT_PORTS: ReadonlySet<string> = new Set(['http:80', 'https:443'])

/** Where clients find a route: its hosts at the first listener that serves requests itself. */
function serversOf(listeners: readonly ListenerIr[], { match }: RouteIr): JsonValue {
  const listener = listeners.find(({ redirectPort }) => redirectPort === null) ?? listeners[0]
  const scheme = listener?.tls == null ? 'http' : 'https'
  const port = listener?.port ?? 80
  const suffix = port === 0 || DEFAULT_PORTS.has(`${scheme}:${port}`) ? '' : `:${port}`
  const hosts = match.hosts.filter((host) => !host.includes('*'))
  return (hosts.length > 0 ? hosts : ['localhost']).map((host) => ({ url: `${scheme}://${host}${suffix}` }))
}
