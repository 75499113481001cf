import { KONG_PRIORITIES } from './kong-order.ts'
import type { PolicyDefinition } from './policy.ts'
import { policyKind } from './policy-name.ts'

/** Another gateway whose behaviour a configuration asks for, where it differs from ours. */
export type Compatibility = 'kong'

/** In which order the policies of a configuration act on a request; on a response too. */
export interface PolicyOrder {
  /** @param name kind, or `kind:name`. Smaller acts earlier; policies of one position act in the order of their names */
  positionOf(name: string): number
  /** Position of the first that finds out who calls; Infinity for none. What stands before it acts on every arrival. */
  readonly identityBegin: number
  /** Position of the last that finds out who calls; -Infinity for none. What stands behind it may be a consumer's own. */
  readonly identityEnd: number
  /** Whether guard steps run before authentication wherever their policy stands; those of policies that authenticate always do. */
  readonly guardsFirst: boolean
}

/** @param definitions every kind of policy, in the native order */
export function policyOrder(definitions: readonly PolicyDefinition<unknown>[], compatibility: Compatibility | null): PolicyOrder {
  const indexes = new Map(definitions.map(({ kind }, index) => [kind, index]))
  const native = (name: string): number => indexes.get(policyKind(name)) ?? definitions.length
  const positionOf = compatibility === 'kong' ? kongPosition : native
  const identifying = definitions.filter(({ identifies }) => identifies === true).map(({ kind }) => positionOf(kind))
  return {
    positionOf,
    identityBegin: Math.min(...identifying),
    identityEnd: Math.max(...identifying),
    guardsFirst: compatibility === null,
  }
}

/** Whether a policy acts before the consumer is known. */
export function isEarly(order: PolicyOrder, name: string): boolean {
  return order.positionOf(name) <= order.identityEnd
}

/** A policy called `kind:plugin` stands where Kong has that plugin, any other where Kong has what does the same. */
function kongPosition(name: string): number {
  const kind = policyKind(name)
  const plugin = name.slice(kind.length + 1)
  return -(KONG_PRIORITIES.get(plugin) ?? KONG_PRIORITIES.get(kind) ?? 0)
}
