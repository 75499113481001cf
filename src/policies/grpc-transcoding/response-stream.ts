import type { BodyFilter, FilterOutput } from '../../core/body-filter.ts'
import { GatewayError } from '../../core/errors.ts'
import { grpcStatusOf, NO_GRPC_STATUS } from '../../core/grpc.ts'
import type { Headers } from '../../core/headers.ts'
import type { AnswerWriter } from './answer.ts'
import type { Call } from './call.ts'
import { failureOf, statusJson } from './failure.ts'
import { FrameFault, type FrameReader } from './frames.ts'

/** Told of a status that is not OK. */
export type OnFailure = (code: number) => void

/**
 * A stream of responses: each message becomes a line of JSON, or an event (text/event-stream), when it comes. A status that is not OK comes
 * last, in the same form, since the head has gone out by then: `{"error": {…}}`, or an event `error`.
 */
export class ResponseStream implements BodyFilter {
  readonly #call: Call
  readonly #writer: AnswerWriter
  readonly #reader: FrameReader
  readonly #onFailure: OnFailure

  constructor(call: Call, writer: AnswerWriter, reader: FrameReader, onFailure: OnFailure) {
    this.#call = call
    this.#writer = writer
    this.#reader = reader
    this.#onFailure = onFailure
  }

  onData(bytes: Buffer, start: number, end: number, output: FilterOutput): void {
    try {
      this.#reader.read(bytes.subarray(start, end), (message) => this.#give('', this.#writer.json(message), output))
    } catch (error) {
      throw upstreamFault(error)
    }
  }

  onEnd(trailers: Headers | null, output: FilterOutput): null {
    const code = grpcStatusOf(trailers)
    if (trailers === null || code === NO_GRPC_STATUS || this.#reader.isInside) {
      throw new GatewayError('upstream_body_invalid', 'the stream ends without a status', 'upstream')
    }
    if (code !== 0) {
      this.#onFailure(code)
      this.#give('event: error\n', statusJson(failureOf(trailers, this.#call.api.registry)), output)
    }
    return null
  }

  #give(head: string, json: string, output: FilterOutput): void {
    const { form } = this.#call
    output.data(Buffer.from(form === 'events' ? `${head}data: ${json}\n\n` : form === 'lines' ? `${json}\n` : json))
  }
}

/** What is wrong with a service's body. */
export function upstreamFault(error: unknown): GatewayError {
  const isTooLarge = error instanceof FrameFault && error.kind === 'too large'
  const detail = error instanceof Error ? error.message : String(error)
  return new GatewayError(isTooLarge ? 'upstream_body_too_large' : 'upstream_body_invalid', detail, 'upstream', 'never', error)
}
