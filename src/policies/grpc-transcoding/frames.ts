import { gunzipSync } from 'node:zlib'

/**
 * The framing of gRPC (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): a byte that says whether the message is compressed, its length in four
 * bytes, and the message.
 */
const FRAME_HEAD_BYTES = 5

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
  #held: Buffer[] = []
  #heldBytes = 0
  /** Bytes that the next step needs: a head, or a head with its message. */
  #wanted = FRAME_HEAD_BYTES

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
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    while (this.#heldBytes >= this.#wanted) {
      const whole = this.#whole()
      const length = whole.readUInt32BE(1)
      if (length > this.#bytesMax) throw new FrameFault('too large', `a message of ${length} bytes`)
      this.#wanted = FRAME_HEAD_BYTES + length
      if (whole.length < this.#wanted) break
      take(this.#decoded(whole[0] ?? 0, whole.subarray(FRAME_HEAD_BYTES, this.#wanted)))
      this.#held = [whole.subarray(this.#wanted)]
      this.#heldBytes -= this.#wanted
      this.#wanted = FRAME_HEAD_BYTES
    }
    // What is kept must outlive the call.
    const last = this.#held.at(-1)
    if (this.#heldBytes === 0) this.#held = []
    else if (last !== undefined) this.#held[this.#held.length - 1] = Buffer.from(last)
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#heldBytes > 0
  }

  #whole(): Buffer {
    const [first] = this.#held
    const whole = this.#held.length === 1 && first !== undefined ? first : Buffer.concat(this.#held)
    this.#held = [whole]
    return whole
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
