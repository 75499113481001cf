import type { BodySink } from '../../core/body.ts'
import { knownNameId } from '../../core/header-names.ts'
import { Headers } from '../../core/headers.ts'
import { parseFields } from './parser.ts'

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILERS = 6
const DONE = 7

/** Hexadecimal digits of a chunk size: 12 of them are 256 TiB, and stay exact. */
const SIZE_DIGITS_MAX = 12
/** A chunk's extensions are read past, and their length is bounded: they are a way to send much that nobody counts. */
const EXTENSION_BYTES_MAX = 1024
/**
 * RFC 9112, 7.1.1: names with values that are tokens or quoted. Not its optional white space, which nobody sends and which parsers have
 * been made to disagree by.
 */
const EXTENSIONS = new RegExp(
  String.raw`^(?:;T+(?:=(?:T+|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$`.replaceAll('T', "[!#$%&'*+.^_`|~0-9A-Za-z-]"),
)
const TRAILER_BYTES_MAX = 8 * 1024
const TRAILERS_MAX = 64

/** Decodes the chunked transfer coding (RFC 9112, 7.1), strictly, from bytes in whatever pieces they come. */
export class ChunkedDecoder {
  #state = SIZE
  #size = 0
  #sizeDigits = 0
  #extension = ''
  #trailerBytes: Buffer | null = null
  #trailerLength = 0
  /** Set once the sink asked for a pause, until the next call of {@link decode}. */
  paused = false

  reset(): void {
    this.#state = SIZE
    this.#size = 0
    this.#sizeDigits = 0
    this.#extension = ''
    this.#trailerLength = 0
  }

  get done(): boolean {
    return this.#state === DONE
  }

  /** The trailer fields, once done; null when there were none. Fields that the gateway itself reads or writes are not among them. */
  trailers(): Headers | null {
    if (this.#trailerBytes === null || this.#trailerLength <= 2) return null
    const trailers = new Headers()
    parseFields(this.#trailerBytes, 0, this.#trailerLength, TRAILER_BYTES_MAX, TRAILERS_MAX, trailers)
    // RFC 9110, 6.5.1: framing, routing, authentication and the like must not come in a trailer, where they would pass by every check.
    for (let i = 0; i < trailers.count; i++) if (trailers.idAt(i) !== 0) trailers.deleteAt(i)
    return trailers.sizeMax() === 0 ? null : trailers
  }

  /**
   * Decodes `bytes[start..end)` and gives the data to the sink.
   * @returns the offset behind what was used (short of `end` only when done), or -1 when the coding is broken.
   */
  decode(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    let at = start
    this.paused = false
    while (at < end) {
      const byte = bytes[at] as number
      switch (this.#state) {
        case SIZE: {
          const digit = hexDigit(byte)
          if (digit !== -1) {
            if (++this.#sizeDigits > SIZE_DIGITS_MAX) return -1
            this.#size = this.#size * 16 + digit
          } else if (this.#sizeDigits === 0) {
            return -1
          } else if (byte === 0x0d) {
            this.#state = SIZE_LF
          } else if (byte === 0x3b) {
            this.#state = EXTENSION
            this.#extension = ';'
          } else {
            return -1
          }
          at++
          break
        }
        case EXTENSION:
          if (byte === 0x0d) {
            if (!EXTENSIONS.test(this.#extension)) return -1
            this.#state = SIZE_LF
          } else {
            if (this.#extension.length === EXTENSION_BYTES_MAX) return -1
            this.#extension += String.fromCharCode(byte)
          }
          at++
          break
        case SIZE_LF:
          if (byte !== 0x0a) return -1
          this.#state = this.#size === 0 ? TRAILERS : DATA
          this.#sizeDigits = 0
          at++
          break
        case DATA: {
          const take = Math.min(end - at, this.#size)
          if (!sink.onData(bytes, at, at + take)) this.paused = true
          this.#size -= take
          at += take
          if (this.#size === 0) this.#state = DATA_CR
          break
        }
        case DATA_CR:
          if (byte !== 0x0d) return -1
          this.#state = DATA_LF
          at++
          break
        case DATA_LF:
          if (byte !== 0x0a) return -1
          this.#state = SIZE
          at++
          break
        case TRAILERS:
          at = this.#takeTrailers(bytes, at, end)
          if (at === -1) return -1
          break
        default:
          return at
      }
      if (this.#state === DONE) return at
    }
    return at
  }

  /** Collects the trailer section until its empty line. Most bodies have none: two bytes. */
  #takeTrailers(bytes: Buffer, start: number, end: number): number {
    this.#trailerBytes ??= Buffer.allocUnsafeSlow(256)
    for (let at = start; at < end; at++) {
      if (this.#trailerLength === TRAILER_BYTES_MAX) return -1
      if (this.#trailerLength === this.#trailerBytes.length) {
        const larger = Buffer.allocUnsafeSlow(this.#trailerBytes.length * 2)
        this.#trailerBytes.copy(larger)
        this.#trailerBytes = larger
      }
      const byte = bytes[at] as number
      const held = this.#trailerBytes
      const length = this.#trailerLength
      held[length] = byte
      this.#trailerLength = length + 1
      if (byte !== 0x0a) continue
      if (length === 0 || held[length - 1] !== 0x0d) return -1
      const isEmptyLine = length === 1 || held[length - 2] === 0x0a
      if (!isEmptyLine) continue
      const parsed = parseFields(held, 0, length + 1, TRAILER_BYTES_MAX, TRAILERS_MAX, scratchTrailers)
      if (parsed !== length + 1) return -1
      if (hasFramingField(scratchTrailers)) return -1
      this.#state = DONE
      return at + 1
    }
    return end
  }
}

const scratchTrailers = new Headers()
const FRAMING_NAMES = ['content-length', 'transfer-encoding', 'host'].map((name) => {
  const bytes = Buffer.from(name)
  return knownNameId(bytes, 0, bytes.length)
})

/** A length or coding in a trailer is an attempt to be read differently by someone further on. */
function hasFramingField(trailers: Headers): boolean {
  for (let i = 0; i < trailers.count; i++) if (FRAMING_NAMES.includes(trailers.idAt(i))) return true
  return false
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37
  return -1
}
