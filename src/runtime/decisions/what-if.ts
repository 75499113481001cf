/** A recorded request with other headers, and what that would change. */
import type { DecisionRecord, KeptDecision } from '../../core/decision.ts'
import type { ExplainedStep, Explanation } from '../explain.ts'
import { fieldsOf } from './redact.ts'

/** By name: the value in place of all values of that header, or null for none. */
export type HeaderChanges = Readonly<Record<string, string | null>>

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/
/** RFC 9110, 5.5: no control character but the tab; as bytes. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/

/** Something that would be otherwise. */
export interface Difference {
  /** `route`, `policy jwt`, `answer`, `service`, `header x-user-id sent to the service`. */
  readonly what: string
  readonly before: string
  readonly after: string
}

/** The head as a connection would bring it. @returns what is wrong with the changes when none could */
export function headWith(
  { request }: DecisionRecord,
  { fields, target, host }: KeptDecision['head'],
  changes: HeaderChanges,
): Buffer | { readonly problem: string } {
  const changed = new Map<string, string | null>()
  for (const [name, value] of Object.entries(changes)) {
    if (!TOKEN.test(name)) return { problem: `${JSON.stringify(name)} is no name of a header` }
    if (value !== null && !VALUE.test(value)) return { problem: `the value of ${name} can stand in no header` }
    changed.set(name.toLowerCase(), value)
  }
  const kept = fieldsOf(fields).filter(([name]) => !changed.has(name.toLowerCase()))
  const added = Object.entries(changes).flatMap(([name, value]): [string, string][] => (value === null ? [] : [[name, value]]))
  const all = [...kept, ...added]
  // HTTP/2 may name the host outside of all fields.
  if (!all.some(([name]) => name.toLowerCase() === 'host') && !changed.has('host')) all.unshift(['Host', host])
  return Buffer.from(
    `${request.method} ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    'latin1',
  )
}

/** What differs between two explanations, in the order in which it happens. */
export function differences(before: Explanation, after: Explanation): Difference[] {
  const found: Difference[] = []
  const compare = (what: string, one: string, other: string): void => {
    if (one !== other) found.push({ what, before: one, after: other })
  }
  compare('route', before.route?.name ?? 'none', after.route?.name ?? 'none')
  const policies = new Set([...before.policies, ...after.policies].map(({ policy }) => policy))
  for (const policy of policies) compare(`policy ${policy}`, policyWords(before, policy), policyWords(after, policy))
  compare('service', before.service?.name ?? 'not asked', after.service?.name ?? 'not asked')
  if (before.service !== null && after.service !== null) {
    const [one, other] = [headersOf(before.service.head), headersOf(after.service.head)]
    compare('request line sent to the service', before.service.head[0] ?? '', after.service.head[0] ?? '')
    for (const name of new Set([...one.keys(), ...other.keys()]))
      compare(`header ${name} sent to the service`, one.get(name) ?? 'absent', other.get(name) ?? 'absent')
  }
  compare('answer', answerWords(before), answerWords(after))
  return found
}

function policyWords({ policies }: Explanation, policy: string): string {
  const steps = policies.filter((step) => step.policy === policy)
  const telling = steps.find(({ verdict }) => verdict === 'answered') ?? steps[0]
  if (telling === undefined) return 'not in force'
  const notes = steps.flatMap(({ notes }) => notes)
  const place = `${telling.at.file}:${telling.at.line}`
  return `${verdictWords(telling)}${notes.length === 0 ? '' : `: ${notes.join('; ')}`} (${place})`
}

function verdictWords({ verdict, mode, answer }: ExplainedStep): string {
  if (verdict === 'answered') return `${mode === 'shadow' ? 'would answer' : 'answers'} ${answer ?? ''}`.trimEnd()
  return verdict === 'continue' ? 'lets it pass' : verdict === 'waiting' ? 'acts on the response' : 'not reached'
}

function answerWords({ answer, service }: Explanation): string {
  if (answer !== null) return `${answer.status}${answer.code === null ? '' : ` ${answer.code}`} from ${answer.by ?? 'the gateway'}`
  return service === null ? 'none' : `what ${service.name} answers`
}

/** By name, in lower case; of each all values. */
function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of fieldsOf(lines.slice(1).join('\r\n'))) {
    const key = name.toLowerCase()
    const before = headers.get(key)
    headers.set(key, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}
