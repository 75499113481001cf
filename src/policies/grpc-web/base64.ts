import type { BodyFilter, FilterOutput } from '../../core/body-filter.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Headers } from '../../core/headers.ts'

/** What a byte stands for (RFC 4648, 4); from {@link PADDING} on for none. */
const SEXTETS = new Uint8Array(256).fill(0xff)
const PADDING = 0x40
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
for (const [value, character] of ALPHABET.entries()) SEXTETS[character] = value
SEXTETS[0x3d] = PADDING

/**
 * Decodes a stream of base64 that may be cut anywhere and padded wherever its sender flushed: pieces one behind the other, each complete. What
 * lenient decoders read differently (line breaks, the URL alphabet, bits in the padding, a piece cut short) is refused.
 */
export class Base64Decoder implements BodyFilter {
  /** Up to three sextets that wait for a fourth. */
  #bits = 0
  #count = 0
  /** `=` that must follow. */
  #padding = 0

  onData(bytes: Buffer, start: number, end: number, output: FilterOutput): void {
    const decoded = Buffer.allocUnsafe(Math.ceil(((end - start + 3) * 3) / 4))
    let length = 0
    for (let i = start; i < end; i++) {
      const sextet = SEXTETS[bytes[i] as number] as number
      if (sextet >= PADDING || this.#padding > 0) {
        length += this.#pad(sextet, decoded, length)
        continue
      }
      this.#bits = (this.#bits << 6) | sextet
      if (++this.#count < 4) continue
      decoded[length++] = this.#bits >>> 16
      decoded[length++] = this.#bits >>> 8
      decoded[length++] = this.#bits
      this.#bits = 0
      this.#count = 0
    }
    if (length > 0) output.data(decoded.subarray(0, length))
  }

  /** Takes a character at the end of a piece, and gives the one or two bytes that are left at the first `=`. Returns how many. */
  #pad(sextet: number, decoded: Buffer, at: number): number {
    if (sextet !== PADDING) throw malformed()
    if (this.#padding > 0) {
      this.#padding--
      return 0
    }
    const bytes = this.#count - 1
    // The bits beyond the last byte.
    const rest = this.#count === 2 ? 0xf : 0x3
    if (bytes < 1 || (this.#bits & rest) !== 0) throw malformed()
    if (bytes === 2) {
      decoded[at] = this.#bits >>> 10
      decoded[at + 1] = this.#bits >>> 2
    } else decoded[at] = this.#bits >>> 4
    this.#padding = 2 - bytes
    this.#bits = 0
    this.#count = 0
    return bytes
  }

  onEnd(trailers: Headers | null): Headers | null {
    if (this.#count > 0 || this.#padding > 0) throw malformed()
    return trailers
  }
}

function malformed(): GatewayError {
  return new GatewayError('request_body_invalid', 'a gRPC-Web body in text is not base64', 'downstream')
}
