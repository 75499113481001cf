import type { Exchange } from './exchange.ts'
import type { Outcome } from './policy.ts'

/** Where the time of an exchange went, in milliseconds. */
export interface Latencies {
  /** From the end of the request head to the end of the response. */
  readonly total: number
  /** Until a service was asked first; all of it where none was. */
  readonly before: number
  /** From there to the head of the service's response, tries that failed included; -1 where none came. */
  readonly service: number
  /** From that head to the end of the response; 0 where none came. */
  readonly receive: number
}

/** For the attempt steps of policies that tell latencies. */
export function noteAttempt(exchange: Exchange): void {
  if (exchange.sentAt === 0) exchange.sentAt = exchange.clock.now()
}

/** For their upstream-response steps; whoever comes first is right. */
export function noteHead(exchange: Exchange): undefined {
  if (exchange.headAt === 0) exchange.headAt = exchange.clock.now()
  return undefined
}

/** At the end, where both have been noted. */
export function latenciesOf({ startedAt, sentAt, headAt }: Exchange, { durationMs }: Outcome): Latencies {
  if (sentAt === 0) return { total: durationMs, before: durationMs, service: -1, receive: 0 }
  const before = Math.max(0, sentAt - startedAt)
  if (headAt === 0) return { total: durationMs, before, service: -1, receive: 0 }
  const service = headAt - sentAt
  return { total: durationMs, before, service, receive: Math.max(0, durationMs - before - service) }
}
