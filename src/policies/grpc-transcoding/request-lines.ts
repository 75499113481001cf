import type { BodyFilter, FilterOutput } from '../../core/body-filter.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Call } from './call.ts'
import { JsonFault } from './json-message.ts'

const LINE_FEED = 0x0a

/** A stream of requests: each line of the body is one message in JSON. Lines of blanks are passed over. */
export class RequestLines implements BodyFilter {
  readonly #call: Call
  readonly #bytesMax: number
  #held: Buffer[] = []
  #heldBytes = 0

  /** @param bytesMax of a line */
  constructor(call: Call, bytesMax: number) {
    this.#call = call
    this.#bytesMax = bytesMax
  }

  onData(bytes: Buffer, start: number, end: number, output: FilterOutput): void {
    let from = start
    for (let at = bytes.indexOf(LINE_FEED, from); at !== -1 && at < end; at = bytes.indexOf(LINE_FEED, from)) {
      this.#hold(bytes.subarray(from, at))
      this.#give(output)
      from = at + 1
    }
    // What is kept must outlive the call.
    if (from < end) this.#hold(Buffer.from(bytes.subarray(from, end)))
  }

  onEnd(_trailers: unknown, output: FilterOutput): null {
    this.#give(output)
    return null
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length
    if (this.#heldBytes > this.#bytesMax) throw new GatewayError('request_body_too_large', 'a line is too long', 'downstream')
    this.#held.push(bytes)
  }

  #give(output: FilterOutput): void {
    const line = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    if (line.every(isBlank)) return
    try {
      output.data(this.#call.frame(line))
    } catch (error) {
      if (error instanceof JsonFault) throw new GatewayError('request_body_invalid', error.message, 'downstream')
      throw error
    }
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}
