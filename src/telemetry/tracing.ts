import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Logger } from '../core/observe.ts'
import type { Outcome } from '../core/policy.ts'
import { isTraceState, parseTraceParent, type TraceParent } from '../core/trace-context.ts'
import type { TracingSettings } from '../core/tracing-settings.ts'
import { hasFailed } from './access-log.ts'
import { BatchSender } from './batch-sender.ts'
import { type DetachedKind, ExchangeTrace, randomTraceId } from './exchange-trace.ts'
import { otlpFormat, spansOf } from './otlp.ts'

export interface TracingParts {
  readonly clock: Clock
  readonly log: Logger
}

/** A receiver that has left the configuration is sent what is left for so long. */
const CLOSE_TIMEOUT_MS = 1_000
/** 2 to the power of 52: as many values as 13 hexadecimal digits have. */
const RANDOM_VALUES = 2 ** 52

/**
 * Makes exchanges part of traces, and sends the spans of those that are kept.
 *
 * While tracing is on each exchange has a few ids; spans are made when it has ended, for those that are sampled, failed or were slow. So all the
 * others cost next to nothing, and without tracing nobody pays more than a look at a null.
 */
export class Tracing {
  readonly #parts: TracingParts
  #settings: TracingSettings | null = null
  #sender: BatchSender | null = null
  readonly #closing = new Set<BatchSender>()
  #droppedBefore = 0

  constructor(parts: TracingParts) {
    this.#parts = parts
  }

  /** Spans that were lost since the start. */
  get dropped(): number {
    let dropped = this.#droppedBefore + (this.#sender?.dropped ?? 0)
    for (const sender of this.#closing) dropped += sender.dropped
    return dropped
  }

  /** Takes what the configuration in force says, null for no traces. */
  use(settings: TracingSettings | null): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return
    const old = this.#sender
    this.#settings = settings
    this.#sender =
      settings === null
        ? null
        : new BatchSender(settings.receiver, { format: otlpFormat(settings.serviceName), what: 'the traces', log: this.#parts.log })
    if (old !== null) void this.#end(old)
  }

  /** Sends what is left, for at most a second. */
  async close(): Promise<void> {
    const sender = this.#sender
    this.#sender = null
    this.#settings = null
    if (sender !== null) await this.#end(sender)
  }

  async #end(sender: BatchSender): Promise<void> {
    this.#closing.add(sender)
    await sender.close(CLOSE_TIMEOUT_MS)
    this.#closing.delete(sender)
    this.#droppedBefore += sender.dropped
  }

  /** The head of a request is there. */
  begin(exchange: Exchange): void {
    const settings = this.#settings
    if (settings === null) return
    const { headers } = exchange.request
    const parent = parentOf(exchange)
    let state = parent === null ? '' : (headers.getJoined('tracestate') ?? '')
    // Trace Context, 3.3: what belongs to no trace that we know of, or is malformed, is not passed on.
    if (!isTraceState(state)) state = ''
    if (state === '') headers.delete('tracestate')
    const traceId = parent?.traceId ?? randomTraceId()
    const { ratio, parentBased } = settings.sampling
    const sampled = parent !== null && parentBased ? parent.sampled : isSampled(traceId, ratio)
    exchange.traceContext = new ExchangeTrace({ traceId, parentId: parent?.spanId ?? '', sampled, state }, settings.slowPolicyMs)
  }

  /** An exchange begins that no client waits for: it belongs to the trace of the one it was made of. */
  beginDetached(exchange: Exchange, { traceContext }: Exchange, what: DetachedKind): void {
    if (this.#settings === null || traceContext === null) return
    exchange.traceContext = new ExchangeTrace({ ...traceContext, parentId: traceContext.spanId }, this.#settings.slowPolicyMs, what)
  }

  /** An exchange has ended. Reads all it needs within the call. */
  end(exchange: Exchange, outcome: Outcome): void {
    const trace = exchange.traceContext
    const settings = this.#settings
    if (!(trace instanceof ExchangeTrace) || settings === null || this.#sender === null) return
    const { keepErrors, keepSlowerThanMs } = settings.sampling
    const failed = hasFailed(exchange, outcome)
    const isSlow = keepSlowerThanMs !== null && outcome.durationMs >= keepSlowerThanMs
    // Of what nobody waited for, spans without the exchange they belong to would say little.
    const isKept = trace.sampled || (trace.detached === null && ((keepErrors && failed) || isSlow))
    if (!isKept) return
    const { clock } = this.#parts
    const { text, count } = spansOf(exchange, outcome, trace, { failed, epochMs: clock.epochMs() - clock.now() })
    this.#sender.add(text, count)
  }
}

/** Who called, by the request's one `traceparent`; null for none, several or a malformed one (Trace Context, 3.2). */
function parentOf({ request }: Exchange): TraceParent | null {
  const first = request.headers.get('traceparent')
  if (first === undefined || request.headers.getAll('traceparent').length > 1) return null
  return parseTraceParent(first)
}

/** By the id's last digits, which are the random ones (Trace Context 2, 2.3.1.1), so that all who look at them decide alike. */
function isSampled(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true
  return ratio > 0 && Number.parseInt(traceId.slice(19), 16) >= (1 - ratio) * RANDOM_VALUES
}
