import { captureNames, parsePathPattern } from '../core/path-pattern.ts'
import type { PolicyDefinition } from '../core/policy.ts'
import { isEarly, type PolicyOrder } from '../core/policy-order.ts'
import type { Problem } from './diagnostics.ts'
import { effectivePolicies, type GatewayIr, type PolicyIr, type RouteIr, servicesOf } from './ir.ts'
import { withoutValue } from './messages.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt, type ScalarNode } from './tree.ts'

/** Where the texts of a route are templates. */
const CAPTURE_PLACES: readonly ConfigPath[] = [
  ['fallback', 'response'],
  ['policies', 'transform'],
]
/** Two braces are an escape. */
const CAPTURE = /\{\{|\{param\.([^{}\s"]+)\}/g

export interface RouteCheckOptions {
  readonly definitions: ReadonlyMap<string, PolicyDefinition<unknown>>
  readonly order: PolicyOrder
}

/** Looks at what routes say of other services than one: what is allowed by the schema and would not do what it seems to. */
export function checkRoutes(ir: GatewayIr, tree: ConfigNode, options: RouteCheckOptions, problems: Problem[]): void {
  const checker = new RouteChecker(ir, tree, options, problems)
  for (const route of ir.routes) checker.check(route)
}

class RouteChecker {
  readonly #ir: GatewayIr
  readonly #tree: ConfigNode
  readonly #options: RouteCheckOptions
  readonly #problems: Problem[]
  readonly #policies: ReadonlyMap<string, readonly PolicyIr[]>

  constructor(ir: GatewayIr, tree: ConfigNode, options: RouteCheckOptions, problems: Problem[]) {
    this.#ir = ir
    this.#tree = tree
    this.#options = options
    this.#problems = problems
    this.#policies = new Map(ir.services.map(({ name, policies }) => [name, policies]))
  }

  check(route: RouteIr): void {
    const path = ['routes', route.name]
    const inForce = effectivePolicies([this.#ir.policies, this.#policiesOf(route.service), route.policies])
    if (route.split !== null) this.#checkSplit(route, inForce, path)
    const { fallback, mirror } = route
    this.#checkCaptures(route, path)
    if (servicesOf(route).length === 0) {
      for (const key of ['fallback', 'mirror'] as const)
        if (route[key] !== null) this.#warn([...path, key], 'the route asks no service: this does nothing')
    }
    if (fallback?.service != null) {
      const at = [...path, 'fallback', 'service']
      if (servicesOf(route).includes(fallback.service)) this.#warn(at, `the route falls back to a service that it asks anyway`)
      this.#warnOfPolicies(fallback.service, at, 'when a route falls back to it')
    }
    if (fallback?.stale === true && !inForce.some(({ kind, mode }) => kind === 'cache' && mode === 'enforce'))
      this.#warn([...path, 'fallback', 'stale'], 'there is no stale answer without a `cache` policy on this route')
    if (mirror === null) return
    const at = [...path, 'mirror', 'service']
    if (servicesOf(route).includes(mirror.service)) this.#warn(at, 'the route asks this service anyway: it would do everything twice')
    this.#warnOfPolicies(mirror.service, at, 'to copies')
  }

  #checkSplit({ name, split }: RouteIr, inForce: readonly PolicyIr[], path: ConfigPath): void {
    const { order, definitions } = this.#options
    for (const { service } of split?.services ?? []) {
      for (const { name: kind } of this.#policiesOf(service).filter((policy) => isEarly(order, policy.name))) {
        this.#tell(
          'error',
          ['services', service, 'policies', kind],
          `\`${kind}\` acts before the split of the route \`${name}\` chooses this service: put it on the route`,
        )
      }
    }
    const isKnown = inForce.some(({ kind, mode }) => mode === 'enforce' && definitions.get(kind)?.authenticates === true)
    if (split?.sticky?.kind === 'user' && !isKnown)
      this.#warn([...path, 'split', 'sticky'], 'nobody is known on this route without a policy that authenticates: chance decides')
  }

  /** Placeholders of captures that no path of the route has are empty for good. */
  #checkCaptures({ match }: RouteIr, path: ConfigPath): void {
    for (const place of CAPTURE_PLACES) {
      for (const node of scalarsIn(nodeAt(this.#tree, [...path, ...place]))) {
        const named = [...String(node.value).matchAll(CAPTURE)].flatMap(([, name]) => name ?? [])
        if (named.length === 0) continue
        const captures = new Set(match.paths.flatMap(capturesOf))
        const unknown = named.find((name) => !captures.has(name))
        if (unknown === undefined) continue
        const known = captures.size === 0 ? '' : `; captures: ${[...captures].map((name) => `\`${name}\``).join(', ')}`
        const message = `no path of this route has a capture \`${unknown}\`: \`{param.${unknown}}\` is always empty${known}`
        this.#problems.push({ severity: 'warning', location: node.at, message: withoutValue(message, node) })
      }
    }
  }

  #warnOfPolicies(service: string, at: ConfigPath, when: string): void {
    const [first] = this.#policiesOf(service)
    if (first !== undefined) this.#warn(at, `the policies of the service \`${service}\` (\`${first.kind}\` …) do not apply ${when}`)
  }

  #policiesOf(service: string | null): readonly PolicyIr[] {
    return (service === null ? undefined : this.#policies.get(service)) ?? []
  }

  #warn(path: ConfigPath, message: string): void {
    this.#tell('warning', path, message)
  }

  #tell(severity: Problem['severity'], path: ConfigPath, message: string): void {
    this.#problems.push({ severity, location: locate(this.#tree, path, 'key'), message })
  }
}

function capturesOf(path: string): readonly string[] {
  const pattern = parsePathPattern(path)
  return 'problem' in pattern ? [] : captureNames(pattern)
}

/** Every single value of a part of the configuration. */
function* scalarsIn(node: ConfigNode | null): Generator<ScalarNode> {
  if (node?.kind === 'scalar') yield node
  if (node?.kind === 'list') for (const item of node.items) yield* scalarsIn(item)
  if (node?.kind === 'map') for (const entry of node.entries.values()) yield* scalarsIn(entry.node)
}
