/** From answers to targets. */
import { isIPv6 } from 'node:net'
import type { DiscoveredTarget, DnsRule } from '../../core/discovery.ts'
import type { Answer, SrvTarget } from './answer.ts'
import type { Question } from './message.ts'

/** Larger answers are cut: no service has so many targets that are found in the DNS. */
export const TARGETS_MAX = 1_000
/** Names of SRV records that are looked up. */
const SRV_NAMES_MAX = 200

/** The last good answer to a question; null where there is none. */
type AnswerTo = (question: Question) => Answer | null

/** Those of this machine's connections. */
export type Families = readonly (4 | 6)[]

/** Questions whose answers a rule's targets come from, as far as is known now: SRV records tell more names. */
export function questionsOf({ name, record }: DnsRule, families: Families, answerTo: AnswerTo): readonly Question[] {
  const addressesOf = (host: string): Question[] => families.map((family) => ({ name: host, type: family === 4 ? 'A' : 'AAAA' }))
  if (record === 'ip') return addressesOf(name)
  const first: Question = { name, type: record }
  if (record !== 'SRV') return [first]
  const hosts = new Set(preferred(answerTo(first), families).flatMap(({ target, addresses }) => (addresses.length > 0 ? [] : target)))
  return [first, ...[...hosts].slice(0, SRV_NAMES_MAX).flatMap(addressesOf)]
}

/** The whole set in a fixed order, so that servers which turn their answers round change nothing; {@link TARGETS_MAX} at most. */
export function targetsOf(
  rule: DnsRule,
  families: Families,
  questions: readonly Question[],
  answerTo: AnswerTo,
): readonly DiscoveredTarget[] {
  const targets = new Map<string, DiscoveredTarget>()
  const add = (host: string, port: number, weight: number): void => {
    const key = `${host} ${port}`
    const before = targets.get(key)
    if (before === undefined && targets.size === TARGETS_MAX) return
    targets.set(key, { host, port, weight: weight + (before?.weight ?? 0) })
  }
  if (rule.record === 'SRV') {
    for (const { target, port, weight, addresses } of preferred(answerTo({ name: rule.name, type: 'SRV' }), families)) {
      const own = questions.filter(({ name, type }) => name === target && type !== 'SRV')
      for (const address of addresses.length > 0 ? addresses : own.flatMap((question) => addressesIn(answerTo(question)))) {
        add(address, port, weight)
      }
    }
  } else {
    const { port } = rule
    const addresses = new Set(questions.flatMap((question) => addressesIn(answerTo(question))))
    if (port !== null) for (const address of addresses) add(address, port, 1)
  }
  const list = [...targets.values()].toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port))
  // Weights that are all 0 say that there is nothing to choose by (RFC 2782).
  return list.some(({ weight }) => weight > 0) ? list : list.map((target) => ({ ...target, weight: 1 }))
}

/**
 * The SRV records that targets come from: those with the lowest number (RFC 2782: a client must try them first). The root for a target says
 * that there is no such service, and no connection leads to port 0.
 */
function preferred(answer: Answer | null, families: Families): readonly SrvTarget[] {
  if (answer?.kind !== 'services') return []
  const usable = answer.services.filter(({ target, port }) => target !== '' && port !== 0)
  const lowest = Math.min(...usable.map(({ priority }) => priority))
  return usable
    .filter(({ priority }) => priority === lowest)
    .map((service) => ({ ...service, addresses: service.addresses.filter((address) => families.includes(isIPv6(address) ? 6 : 4)) }))
}

function addressesIn(answer: Answer | null): readonly string[] {
  return answer?.kind === 'addresses' ? answer.addresses : []
}
