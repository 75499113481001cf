import { effectivePolicies, type GatewayIr, type PolicyIr, servicesOf } from '../config/ir.ts'
import type { LimitSubjects, LimitsQuery, PolicyLimits } from '../core/limit-view.ts'

/** A policy with limits, where it is configured. */
export interface LimitPlace {
  readonly policy: PolicyIr
  readonly scope: string
  /** What is known of every request that counts there. */
  readonly owner: { readonly route?: string; readonly service?: string; readonly consumer?: string }
  readonly limits: PolicyLimits
}

/** A place, and what is known of who is asked about there. */
export interface AskedPlace {
  readonly place: LimitPlace
  readonly subjects: LimitSubjects
}

/**
 * The places that a question means. With a route those whose policies are in force there; without one all that may count such a request:
 * those of other consumers do not, nor do those that a policy of the consumer's own takes the place of.
 * @param places of `ir`
 */
export function placesFor(ir: GatewayIr, places: readonly LimitPlace[], { subjects, scope }: LimitsQuery): readonly AskedPlace[] {
  const meant = scope === null ? places : places.filter((place) => place.scope === scope)
  const { route } = subjects
  return route === undefined ? placesAnywhere(ir, meant, subjects) : placesOnRoute(ir, meant, subjects, route)
}

function placesOnRoute(ir: GatewayIr, places: readonly LimitPlace[], subjects: LimitSubjects, routeName: string): AskedPlace[] {
  const route = ir.routes.find(({ name }) => name === routeName)
  if (route === undefined) return []
  const all = servicesOf(route)
  const names = subjects['service'] === undefined ? all : [subjects['service']]
  const consumer = ir.consumers.find(({ name }) => name === subjects['consumer'])
  const own = consumer?.routes.find((part) => part.route === routeName)?.policies ?? []
  const inForce = new Set<PolicyIr>()
  for (const name of names.length === 0 ? [''] : names) {
    const service = ir.services.find((one) => one.name === name)
    const scopes = [ir.policies, service?.policies ?? [], route.policies, consumer?.policies ?? [], own]
    for (const policy of effectivePolicies(scopes)) inForce.add(policy)
  }
  // Which of several services is meant is for who asks to say.
  const service = names.length === 1 ? { service: names[0] ?? '' } : {}
  return places
    .filter(({ policy }) => inForce.has(policy))
    .map((place) => ({ place, subjects: { ...service, ...place.owner, ...subjects } }))
}

function placesAnywhere(ir: GatewayIr, places: readonly LimitPlace[], subjects: LimitSubjects): AskedPlace[] {
  const { consumer, service } = subjects
  const own = new Set(ir.consumers.find(({ name }) => name === consumer)?.policies.map(({ kind }) => kind))
  const words = Object.keys(subjects)
  return places
    .filter(({ owner, policy, limits }) => {
      if (consumer !== undefined && owner.consumer !== consumer && (owner.consumer !== undefined || own.has(policy.kind))) return false
      if (service !== undefined && owner.service !== undefined && owner.service !== service) return false
      return words.length === 0 || words.some((word) => limits.words.has(word))
    })
    .map((place) => ({ place, subjects: { ...place.owner, ...subjects } }))
}
