import type { PolicyDefinition } from '../../core/policy.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import { refuse } from '../../core/reply.ts'
import { BOTS } from './bots.ts'
import type { UserAgentOptions } from './schema.ts'

const DENIED = refuse('user_agent_denied')
const REPEATED = refuse('request_malformed', 'Only one User-Agent header allowed', [], undefined, 'user-agent-repeated')

/** Verdicts that are kept: programs call themselves the same in each request. */
const KNOWN_MAX = 1_000
const KNOWN_CHARS_MAX = 512

export const userAgent: PolicyDefinition<UserAgentOptions> = {
  kind: 'user-agent',
  summary: 'Refuses programs by what they call themselves in `User-Agent`.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ allow, deny, bots }) {
    const allowed = allow.map(compiled)
    const denied = deny.map(compiled)
    const known = bots ? BOTS.map(compiled) : []
    const judge = (agent: string): string | null => {
      if (allowed.some((regex) => regex.test(agent))) return null
      if (denied.some((regex) => regex.test(agent))) return 'is in `deny`'
      return known.some((regex) => regex.test(agent)) ? 'is known for a program' : null
    }
    const verdicts = new Map<string, string | null>()
    return {
      onRequest({ request, trace }) {
        const sent = request.headers.getAll('User-Agent')
        if (sent.length > 1) return REPEATED
        const agent = sent[0]?.trim()
        if (agent === undefined) return undefined
        let reason = verdicts.get(agent)
        if (reason === undefined) {
          reason = judge(agent)
          // Clients choose these texts: none of them stays for ever.
          if (verdicts.size >= KNOWN_MAX) verdicts.clear()
          if (agent.length <= KNOWN_CHARS_MAX) verdicts.set(agent, reason)
        }
        if (reason === null) return undefined
        trace?.note(`User-Agent ${agent} ${reason}`)
        return DENIED
      },
    }
  },
}

function compiled(source: string): Regex {
  const regex = compileRegex(source, 'none')
  if ('problem' in regex) throw new Error(`user-agent: ${regex.problem}`)
  return regex
}
