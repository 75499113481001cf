import type { PolicySurroundings, Remark } from '../../core/policy.ts'
import { type Limit, limitsOf } from './limits.ts'
import type { RateLimitOptions } from './schema.ts'

/** What is seen only once all is known: the stores, and what else is in force. */
export function review(options: RateLimitOptions, around: PolicySurroundings): readonly Remark[] {
  const limits = limitsOf(options)
  const remarks: Remark[] = []
  if (options.store === 'redis' && !around.stores.has('redis')) {
    remarks.push({ severity: 'error', path: ['store'], message: 'no store `redis` is configured: add `stores.redis`' })
  }
  const byAddress = limits.some(({ by }) => by.length === 1 && by[0]?.kind === 'ip')
  for (const limit of limits) {
    const { name, path, rule } = limit
    if (options.cost > rule.capacity) {
      const message = `a request costs ${options.cost}, and limit \`${name}\` never has more than ${rule.capacity}: nothing would pass`
      remarks.push({ severity: 'error', path, message })
    }
  }
  const told = Map.groupBy(limits, (limit) => limitRemark(limit, around, byAddress))
  for (const [remark, [first, ...others]] of told) {
    if (remark === null || first === undefined) continue
    // What holds for several limits is told once, at the first.
    const too = others.length === 0 ? '' : ` (and ${others.map(({ name }) => `\`${name}\``).join(', ')})`
    remarks.push({ severity: 'warning', path: first.path, message: `limit \`${first.name}\`${too} ${remark}` })
  }
  return remarks
}

/** What there is to say of a limit, behind its name. */
function limitRemark({ by, otherwise }: Limit, around: PolicySurroundings, byAddress: boolean): string | null {
  const identity = by.find(({ kind }) => kind === 'user' || kind === 'consumer' || kind === 'identity')
  if (identity !== undefined && !around.authenticates) {
    const effect = identity.kind === 'identity' || otherwise === 'ip' ? 'counts by address only' : 'never applies'
    return `counts by ${identity.kind}, and no policy that finds out who calls is in force here: it ${effect}`
  }
  if (by.some(({ kind }) => kind === 'user') && !mayKnowUsers(around)) {
    const effect = otherwise === 'ip' ? 'counts by address only' : 'never applies'
    return `counts by user, and what is in force here finds out consumers, not users: it ${effect}; count by \`consumer\``
  }
  const taken = by.flatMap((subject) => (subject.kind === 'header' ? (takerOf(subject.name, around) ?? []) : []))
  if (taken[0] !== undefined) {
    const effect = otherwise === 'ip' ? 'counts by address only' : 'never applies'
    return `counts by a header that \`${taken[0]}\` takes out before it is counted: it ${effect}; count by what \`${taken[0]}\` finds out`
  }
  const unverified = by.some(({ kind }) => kind === 'header' || (kind === 'api-key' && around.optionsOf('api-key') === undefined))
  if (unverified && otherwise === 'skip' && !byAddress) {
    return `counts by what clients say: one that says nothing, or something new each time, is not limited; add a limit by \`ip\``
  }
  return null
}

/** Keys, passwords and signatures are consumers'; of these policies a token alone names a user. */
function mayKnowUsers({ optionsOf }: PolicySurroundings): boolean {
  return optionsOf('jwt') !== undefined || ['api-key', 'basic', 'hmac'].every((kind) => optionsOf(kind) === undefined)
}

/** The policy that takes a header out of the request once it has looked at the credential there; null for none. */
function takerOf(header: string, { optionsOf }: PolicySurroundings): string | null {
  const place = header.toLowerCase()
  for (const kind of ['jwt', 'api-key', 'basic', 'hmac']) {
    const options = optionsOf(kind)
    if (typeof options !== 'object' || options === null || !('forward' in options) || options.forward !== false) continue
    const places = 'from' in options && Array.isArray(options.from) ? options.from.map((from) => String(from).toLowerCase()) : ['header']
    if (places.some((from) => (from === 'header' ? 'header:authorization' : from) === `header:${place}`)) return kind
  }
  return null
}
