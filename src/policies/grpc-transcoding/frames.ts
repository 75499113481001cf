import { gunzipSync } from 'node:zlib'

/**
 * The framing of gRPC (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): a byte that says whether the message is compressed, its length in four
 * bytes, and the message.
 */
const FRAME_HEAD_BYTES = 5
const NOTHING = Buffer.alloc(0)

/** A message in its frame. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, FRAME_HEAD_BYTES)
  return frame
}

/** What a body of gRPC is that cannot be read. */
export class FrameFault extends Error {
  readonly kind: 'malformed' | 'too large'

  constructor(kind: 'malformed' | 'too large', detail: string) {
    super(detail)
    this.kind = kind
  }
}

/** How messages of a body are compressed, as `grpc-encoding` says; null for what cannot be read here. */
export function messageEncodingOf(grpcEncoding: string | undefined): 'identity' | 'gzip' | null {
  return grpcEncoding === undefined || grpcEncoding === 'identity' ? 'identity' : grpcEncoding === 'gzip' ? 'gzip' : null
}

/** Takes messages out of a body that comes in pieces of any size. */
export class FrameReader {
  readonly #bytesMax: number
  readonly #encoding: 'identity' | 'gzip'
  /** Begins with what has come of a message that is not whole, and has room for more. */
  #held = NOTHING
  #heldBytes = 0

  /** @param bytesMax of a message, without its compression */
  constructor(bytesMax: number, encoding: 'identity' | 'gzip') {
    this.#bytesMax = bytesMax
    this.#encoding = encoding
  }

  /**
   * Takes `bytes`, which are valid during the call only, and gives the messages that are whole with them, valid for as long.
   * Throws a {@link FrameFault}.
   */
  read(bytes: Buffer, take: (message: Buffer) => void): void {
    const all = this.#heldBytes === 0 ? bytes : this.#append(bytes)
    let at = 0
    while (all.length - at >= FRAME_HEAD_BYTES) {
      const length = all.readUInt32BE(at + 1)
      if (length > this.#bytesMax) throw new FrameFault('too large', `a message of ${length} bytes`)
      const end = at + FRAME_HEAD_BYTES + length
      if (end > all.length) break
      take(this.#decoded(all[at] ?? 0, all.subarray(at + FRAME_HEAD_BYTES, end)))
      at = end
    }
    this.#keep(all, at)
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#heldBytes > 0
  }

  /** What is held with `bytes` behind it. The room doubles: pieces may be of one byte each, and an object for each of them would cost far more. */
  #append(bytes: Buffer): Buffer {
    const length = this.#heldBytes + bytes.length
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#held.length))
      this.#held.copy(grown, 0, 0, this.#heldBytes)
      this.#held = grown
    }
    bytes.copy(this.#held, this.#heldBytes)
    return this.#held.subarray(0, length)
  }

  /** Holds what `all` has from `at` on, which must outlive the call. */
  #keep(all: Buffer, at: number): void {
    const isHeld = this.#heldBytes > 0 && at === 0
    this.#heldBytes = all.length - at
    if (isHeld) return
    this.#held = this.#heldBytes === 0 ? NOTHING : Buffer.allocUnsafeSlow(this.#heldBytes)
    all.copy(this.#held, 0, at)
  }

  #decoded(flag: number, message: Buffer): Buffer {
    if (flag === 0) return message
    if (flag !== 1 || this.#encoding === 'identity') throw new FrameFault('malformed', 'a message in a compression that no field names')
    try {
      return gunzipSync(message, { maxOutputLength: this.#bytesMax })
    } catch (error) {
      const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      throw new FrameFault(isTooLarge ? 'too large' : 'malformed', 'a message that is not gzip, or too large')
    }
  }
}
