/** Where else than to one service the exchanges of a route go: splits, mirrors, fallbacks. */
import type { FallbackIr, MirrorIr, SplitIr, StaticAnswerIr } from '../config/ir.ts'
import { cookieValue } from '../core/cookies.ts'
import type { Exchange } from '../core/exchange.ts'
import { answer, type Reply } from '../core/reply.ts'
import { compileStatuses } from '../core/status-set.ts'
import { checkedTemplate, escapeJson, escapeMarkup } from '../core/template.ts'
import { murmur3 } from '../upstream/murmur3.ts'
import type { Service } from '../upstream/service.ts'
import type { RoutePlan } from './plan.ts'

/** How the exchanges of a route are divided among services. */
export interface SplitPlan {
  /** The plan with the service that is to have this exchange. Called once the caller is known. */
  choose(exchange: Exchange): RoutePlan
  readonly choices: readonly { readonly weight: number; readonly plan: RoutePlan }[]
}

export interface MirrorPlan {
  readonly ir: MirrorIr
  /** To the service of the mirror, without any policy. */
  readonly plan: RoutePlan
}

/** What is answered when the service fails, in this order. */
export interface FallbackPlan {
  /** Whether an answer of this status counts as the service's failure. */
  readonly isFailure: (status: number) => boolean
  readonly stale: boolean
  readonly service: Service | null
  readonly reply: ((exchange: Exchange) => Reply) | null
}

/** Weighted choice; a caller that is known by the sticky key always gets the same service while the weights stay as they are. */
export function splitPlan({ sticky }: SplitIr, choices: SplitPlan['choices']): SplitPlan {
  const total = choices.reduce((sum, { weight }) => sum + weight, 0)
  return {
    choices,
    choose(exchange) {
      const key = sticky === null ? null : stickyKey(exchange, sticky)
      // The same boundaries for chance and keys: when a weight grows, only callers next to its boundary change over.
      let left = (key === null ? exchange.clock.random() : murmur3(key) / 2 ** 32) * total
      let last: RoutePlan | null = null
      for (const { weight, plan } of choices) {
        if (weight === 0) continue
        last = plan
        left -= weight
        if (left < 0) break
      }
      if (last === null) throw new Error('a split has no weight above 0')
      return last
    },
  }
}

/** What keeps a caller with one service; null for chance. A cookie that is missing is made, and set with the answer. */
function stickyKey(exchange: Exchange, sticky: NonNullable<SplitIr['sticky']>): string | null {
  const { request, caller, clock } = exchange
  if (sticky.kind === 'user') return caller.subject || caller.consumer?.name || null
  if (sticky.kind === 'header') return request.headers.getJoined(sticky.name) ?? null
  const known = cookieValue(request.headers.getJoined('Cookie') ?? '', sticky.name)
  if (known !== null) return known
  const made = clock.uuid()
  exchange.newCookie = `${sticky.name}=${made}; Path=/; HttpOnly; SameSite=Lax${request.scheme === 'https' ? '; Secure' : ''}`
  return made
}

/** @param service the running service of the fallback, null for none */
export function fallbackPlan(ir: FallbackIr, service: Service | null): FallbackPlan {
  return {
    isFailure: compileStatuses(ir.statuses),
    stale: ir.stale,
    service,
    reply: ir.response === null ? null : staticAnswer(ir.response),
  }
}

/** An answer from templates. */
function staticAnswer({ status, contentType, headers, body }: StaticAnswerIr): (exchange: Exchange) => Reply {
  const fields = headers.map(([name, value]) => [name, checkedTemplate(value)] as const)
  const text = checkedTemplate(body)
  // As refusals are: what is answered for want of something better must not outlive the failure in a cache of somebody else's.
  const own = headers.some(([name]) => name.toLowerCase() === 'cache-control') ? [] : [['Cache-Control', 'no-store'] as const]
  const fixed: readonly (readonly [string, string])[] = body === '' ? own : [...own, ['Content-Type', contentType]]
  const quote = /json/i.test(contentType) ? escapeJson : /html|xml/i.test(contentType) ? escapeMarkup : undefined
  return (exchange) => {
    const filled = fields.map(([name, value]) => [name, fieldValue(value.render(exchange))] as const)
    return answer(status, [...filled, ...fixed], Buffer.from(text.render(exchange, quote)))
  }
}

/** What was filled in is a client's: nothing in it may end the field or be refused when it is written (RFC 9110, 5.5). */
function fieldValue(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim()
}
