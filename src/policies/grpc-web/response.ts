import type { BodyFilter, FilterOutput } from '../../core/body-filter.ts'
import { grpcWebTrailers } from '../../core/grpc.ts'
import type { Headers } from '../../core/headers.ts'

type Field = readonly [name: string, value: string]

/** Makes a gRPC-Web body of a gRPC one: the messages as they are, and behind them the trailers as a frame. */
export class WebResponse implements BodyFilter {
  /** Of a response that has its trailers in the head (Trailers-Only). */
  readonly #early: readonly Field[]
  readonly #inText: boolean

  constructor(early: readonly Field[], inText: boolean) {
    this.#early = early
    this.#inText = inText
  }

  onData(bytes: Buffer, start: number, end: number, output: FilterOutput): void {
    this.#give(bytes.subarray(start, end), output)
  }

  onEnd(trailers: Headers | null, output: FilterOutput): null {
    const late = trailers?.toPairs() ?? []
    const fields = trailers?.has('grpc-status') === true ? late : [...this.#early, ...late]
    // Where there are none the service has told no status, and the client finds that out from their absence.
    if (fields.length > 0) this.#give(grpcWebTrailers(fields), output)
    return null
  }

  /** Padded, so that what there is can be decoded at once: a message must not wait for the next one. */
  #give(bytes: Buffer, output: FilterOutput): void {
    output.data(this.#inText ? Buffer.from(bytes.toString('base64'), 'latin1') : bytes)
  }
}
