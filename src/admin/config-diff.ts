/** What differs between two configurations, by what they mean: comments, order and places do not count. */
import type { GatewayIr, ListenerIr, SourceLocation } from '../config/ir.ts'

export interface ConfigChange {
  readonly change: 'added' | 'removed' | 'changed'
  /** Of a listener, service, route or consumer; the kind of a policy. */
  readonly name: string
  /** In the newer configuration, or for what was removed in the older one; null for listeners. */
  readonly at: SourceLocation | null
  /** What of it changed, as `timeoutMs` or `policies.rate-limit.options.limit`, at most {@link FIELDS_MAX}; values are not told, since they may be secrets. */
  readonly fields: readonly string[]
}

export interface ConfigDiff {
  /** Revisions. */
  readonly from: string
  readonly to: string
  readonly listeners: readonly ConfigChange[]
  readonly services: readonly ConfigChange[]
  readonly routes: readonly ConfigChange[]
  readonly consumers: readonly ConfigChange[]
  /** Those that hold everywhere. */
  readonly policies: readonly ConfigChange[]
  /** All else, as `limits.headBytesMax`. */
  readonly settings: readonly string[]
}

/** Fields of one change that are told. */
export const FIELDS_MAX = 50

export function diffConfigs(from: GatewayIr, to: GatewayIr): ConfigDiff {
  const { revision: oldRevision, listeners: oldListeners, services: _s, routes: _r, consumers: _c, policies: _p, ...oldRest } = from
  const { revision: newRevision, listeners: newListeners, services: _1, routes: _2, consumers: _3, policies: _4, ...newRest } = to
  return {
    from: oldRevision,
    to: newRevision,
    listeners: changes(oldListeners, withChosenPorts(newListeners, oldListeners), ({ name }) => name),
    services: changes(from.services, to.services, ({ name }) => name),
    routes: changes(from.routes, to.routes, ({ name }) => name),
    consumers: changes(from.consumers, to.consumers, ({ name }) => name),
    policies: changes(from.policies, to.policies, ({ kind }) => kind),
    settings: differing(oldRest, newRest).slice(0, FIELDS_MAX),
  }
}

/** A listener on port 0 keeps the free port that was picked for it. */
function withChosenPorts(listeners: readonly ListenerIr[], before: readonly ListenerIr[]): ListenerIr[] {
  return listeners.map((listener) => {
    const old = listener.port === 0 ? before.find(({ name, host }) => name === listener.name && host === listener.host) : undefined
    return old === undefined ? listener : { ...listener, port: old.port }
  })
}

function changes<T extends object>(before: readonly T[], after: readonly T[], nameOf: (item: T) => string): ConfigChange[] {
  const old = new Map(before.map((item) => [nameOf(item), item]))
  const found: ConfigChange[] = []
  for (const item of after) {
    const name = nameOf(item)
    const was = old.get(name)
    old.delete(name)
    if (was === undefined) found.push({ change: 'added', name, at: placeOf(item), fields: [] })
    else {
      const fields = differing(was, item).slice(0, FIELDS_MAX)
      if (fields.length > 0) found.push({ change: 'changed', name, at: placeOf(item), fields })
    }
  }
  for (const [name, item] of old) found.push({ change: 'removed', name, at: placeOf(item), fields: [] })
  return found
}

/** Paths of what differs. */
function differing(before: unknown, after: unknown, path = ''): string[] {
  if (Object.is(before, after)) return []
  const [old, new_] = [asRecord(before), asRecord(after)]
  if (old === null || new_ === null) return JSON.stringify(before, withoutPlaces) === JSON.stringify(after, withoutPlaces) ? [] : [path]
  const keys = new Set([...Object.keys(old), ...Object.keys(new_)])
  return [...keys].flatMap((key) => {
    if (key === 'at' && (isPlace(old[key]) || isPlace(new_[key]))) return []
    return differing(old[key], new_[key], path === '' ? key : `${path}.${key}`)
  })
}

/** An object by its keys, and a list of policies by their kinds. */
function asRecord(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null) return null
  if (!Array.isArray(value)) return Object.fromEntries(Object.entries(value))
  const items: readonly unknown[] = value
  const policies = items.flatMap((item): [string, unknown][] =>
    typeof item === 'object' && item !== null && 'kind' in item && 'options' in item ? [[String(item.kind), item]] : [],
  )
  // A list without any is equal to one with some but for these.
  return policies.length === items.length ? Object.fromEntries(policies) : null
}

function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'at' && isPlace(value) ? undefined : value
}

function placeOf(item: object): SourceLocation | null {
  return 'at' in item && isPlace(item.at) ? item.at : null
}

function isPlace(value: unknown): value is SourceLocation {
  return typeof value === 'object' && value !== null && 'file' in value && 'line' in value && 'column' in value
}
