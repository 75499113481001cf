/** What the control process and its workers say to each other, and what a worker needs of the data plane. */
import type { GatewayIr } from '../config/ir.ts'
import type { DecisionAnswer, DecisionQuery } from '../core/decision.ts'
import type { DiscoveredTargets } from '../core/discovery.ts'
import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { Purge } from '../core/response-store.ts'
import type { SharedFile, StoreName } from '../core/store.ts'
import type { TappedExchange, TapRule } from '../core/tap.ts'
import type { MetricsPosition, MetricsUpdate } from '../telemetry/metrics-mirror.ts'
import type { BreakerPosition, ServiceState } from '../upstream/service-state.ts'

/** Where a listener accepts connections; the port is the real one. */
export interface ListenerAddress {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly scheme: 'http' | 'https'
}

/** How the exchanges ended that were there when a drain began. */
export interface DrainResult {
  readonly closed: number
  /** Connections that were cut because the time was up. */
  readonly aborted: number
  /** WebSockets that were closed with a close frame, and event streams that ended behind an event; both are among `closed`, or are still open. */
  readonly websockets: number
  readonly eventStreams: number
}

/** Targets, as `host:port`, that an operator has taken out, by their services. */
export type DrainedTargets = Readonly<Record<string, readonly string[]>>

/** What serves traffic in a worker. A new configuration takes effect in two steps, so that all workers take it or none does. */
export interface DataPlane {
  /**
   * Compiles and opens new listeners. Throws with a sentence for the operator when it cannot; nothing has changed then.
   * @param shared where this and the other workers count together; null when each counts alone
   * @param ticketSeed secret under which all workers resume each other's TLS sessions
   */
  prepare(ir: GatewayIr, shared: SharedFile | null, ticketSeed: string): Promise<void>
  /** Takes over what discovery has found by these rules; services that come with a rule get it then. */
  setTargets(targets: DiscoveredTargets): void
  /** Swaps to what has been prepared. */
  commit(): void
  /** Forgets what has been prepared; harmless when nothing has. */
  abandon(): void
  listeners(): readonly ListenerAddress[]
  /** Of the services in force, in the order of the configuration. */
  serviceStates(): readonly ServiceState[]
  /**
   * Forgets responses in the stores that keep some under the configuration in force.
   * @param shared whether also in stores that several workers share
   * @returns these stores. Rejects with a sentence for the operator when one of them could not do it.
   */
  purge(purges: readonly Purge[], shared: boolean): Promise<readonly StoreName[]>
  /** Decision records of this worker. */
  decisions(query: DecisionQuery): DecisionAnswer
  /** What is left of limits, without taking from them; where workers count together, one of them knows it for all. */
  limits(query: LimitsQuery): Promise<LimitsAnswer>
  /** Takes out these targets of services, over reloads, and lets all others back in. */
  setDrained(targets: DrainedTargets): void
  /** Tells of exchanges that fit one of these rules as they finish; none for no more. */
  setTapRules(rules: readonly TapRule[]): void
  /** @returns where the breaker of the service was; null where there is none */
  resetBreaker(service: string): BreakerPosition | null
  /** Stops accepting, finishes what runs and cuts what is left after `timeoutMs`. */
  drain(timeoutMs: number): Promise<DrainResult>
}

/** The control process asks. */
export type ControlRequest =
  | { readonly kind: 'prepare'; readonly ir: GatewayIr; readonly shared: SharedFile | null; readonly ticketSeed: string }
  | { readonly kind: 'targets'; readonly targets: DiscoveredTargets }
  | { readonly kind: 'commit' }
  | { readonly kind: 'abandon' }
  | { readonly kind: 'metrics'; readonly known: MetricsPosition }
  | { readonly kind: 'services' }
  | { readonly kind: 'purge'; readonly purges: readonly Purge[]; readonly shared: boolean }
  | { readonly kind: 'decisions'; readonly query: DecisionQuery }
  | { readonly kind: 'limits'; readonly query: LimitsQuery }
  | { readonly kind: 'drained'; readonly targets: DrainedTargets }
  | { readonly kind: 'reset-breaker'; readonly service: string }
  | { readonly kind: 'tap'; readonly rules: readonly TapRule[] }
  | { readonly kind: 'ping' }
  | { readonly kind: 'reopen-logs' }
  | { readonly kind: 'drain'; readonly timeoutMs: number }

/** A worker answers every request once, with its kind, or with `failed`. */
export type WorkerAnswer =
  | { readonly kind: 'prepare' | 'targets' | 'drained' | 'tap' | 'abandon' | 'ping' | 'reopen-logs' }
  | { readonly kind: 'commit'; readonly listeners: readonly ListenerAddress[] }
  | { readonly kind: 'metrics'; readonly update: MetricsUpdate }
  | { readonly kind: 'services'; readonly services: readonly ServiceState[] }
  /** @see DataPlane.purge */
  | { readonly kind: 'purge'; readonly stores: readonly StoreName[] }
  | { readonly kind: 'decisions'; readonly decisions: DecisionAnswer }
  | { readonly kind: 'limits'; readonly limits: LimitsAnswer }
  | { readonly kind: 'reset-breaker'; readonly position: BreakerPosition | null }
  /** The last numbers come with it: the process ends right after. */
  | { readonly kind: 'drain'; readonly result: DrainResult /** Of all its numbers. */; readonly update: MetricsUpdate }
  | { readonly kind: 'failed'; readonly reason: string }

export interface RequestMessage {
  readonly type: 'turnpike-request'
  readonly id: number
  readonly request: ControlRequest
}

export interface AnswerMessage {
  readonly type: 'turnpike-answer'
  readonly id: number
  readonly answer: WorkerAnswer
}

/** Said once, when a worker listens to requests. */
export interface HelloMessage {
  readonly type: 'turnpike-hello'
}

/** What a worker says by itself, and nobody answers. */
export type Notice =
  /** At most once a second for each service: targets that were discovered cannot be connected to. */
  | { readonly kind: 'unreachable'; readonly service: string }
  /** Unsafe methods have changed these URIs: the other workers are to forget them too. */
  | { readonly kind: 'invalidated'; readonly purges: readonly Purge[] }
  /** Exchanges that a tap wants, and how many more there were. */
  | { readonly kind: 'tapped'; readonly exchanges: readonly TappedExchange[]; readonly lost: number }

export interface NoticeMessage {
  readonly type: 'turnpike-notice'
  readonly notice: Notice
}

export type WorkerMessage = HelloMessage | AnswerMessage | NoticeMessage

/** Both ends are the same release of the same program: telling our messages from others is all the checking there is to do. */
export function isRequestMessage(message: unknown): message is RequestMessage {
  return typeOf(message) === 'turnpike-request'
}

export function isWorkerMessage(message: unknown): message is WorkerMessage {
  const type = typeOf(message)
  return type === 'turnpike-hello' || type === 'turnpike-answer' || type === 'turnpike-notice'
}

function typeOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined
}

/** The plain sentence of anything thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
