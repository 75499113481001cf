import { randomBytes } from 'node:crypto'

/** RFC 6455, 5.2: the first opcode of a control frame, and that of a close. */
const CLOSE = 0x8

/** What the scanner waits for. */
const FIRST_BYTE = 0
const LENGTH_BYTE = 1
const EXTENDED_LENGTH = 2
const MASK = 3
const PAYLOAD = 4

/**
 * Follows the frames of one direction of a WebSocket without touching them (RFC 6455, 5.2), to know where a message ends: a close frame of
 * ours may be put there and nowhere else.
 */
export class WebSocketFrames {
  /** A close frame has gone by: nothing of ours may follow. */
  closed = false
  #state = FIRST_BYTE
  /** Bytes still to come of what is waited for. */
  #left = 0
  #length = 0
  #masked = false
  /** A message of several frames has begun and not ended. */
  #inMessage = false

  /** Whether all that has gone by ends where a message does. */
  get isBetweenMessages(): boolean {
    return this.#state === FIRST_BYTE && !this.#inMessage
  }

  /** Follows `bytes[start..end)`. Returns the offset behind the last message that ends in them; -1 when none does. */
  follow(bytes: Uint8Array, start: number, end: number): number {
    let boundary = -1
    let at = start
    while (at < end) {
      if (this.#state === PAYLOAD) {
        const step = Math.min(this.#left, end - at)
        this.#left -= step
        at += step
      } else {
        this.#header(bytes[at++] as number)
      }
      if (this.#state === PAYLOAD && this.#left === 0) {
        this.#state = FIRST_BYTE
        if (!this.#inMessage) boundary = at
      }
    }
    return boundary
  }

  #header(byte: number): void {
    switch (this.#state) {
      case FIRST_BYTE: {
        const opcode = byte & 0x0f
        if (opcode === CLOSE) this.closed = true
        // Control frames (8 and up) may stand within a message of several frames, which goes on behind them (5.4).
        if (opcode < CLOSE) this.#inMessage = (byte & 0x80) === 0
        this.#state = LENGTH_BYTE
        return
      }
      case LENGTH_BYTE: {
        this.#masked = (byte & 0x80) !== 0
        this.#length = byte & 0x7f
        if (this.#length < 126) return this.#endLength()
        this.#left = this.#length === 126 ? 2 : 8
        this.#length = 0
        this.#state = EXTENDED_LENGTH
        return
      }
      case EXTENDED_LENGTH:
        // Beyond 2^53 the number is not exact; no connection lives to see the end of such a frame.
        this.#length = this.#length * 256 + byte
        if (--this.#left === 0) this.#endLength()
        return
      default:
        if (--this.#left === 0) this.#beginPayload()
    }
  }

  #endLength(): void {
    if (!this.#masked) return this.#beginPayload()
    this.#left = 4
    this.#state = MASK
  }

  #beginPayload(): void {
    this.#left = this.#length
    this.#state = PAYLOAD
  }
}

/** A close frame as a client sends it: masked (RFC 6455, 5.1 and 5.3). @param code RFC 6455, 7.4 @param reason ASCII, at most 123 bytes */
export function maskedCloseFrame(code: number, reason: string): Buffer {
  const plain = closeFrame(code, reason)
  const mask = randomBytes(4)
  const payload = plain.subarray(2).map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Uint8Array.of(0x88, 0x80 | payload.length), mask, payload])
}

/** A close frame as a server sends it: not masked (RFC 6455, 5.1 and 5.5.1). @param code RFC 6455, 7.4 @param reason ASCII, at most 123 bytes */
export function closeFrame(code: number, reason: string): Buffer {
  const frame = Buffer.alloc(4 + reason.length)
  frame[0] = 0x88
  frame[1] = 2 + reason.length
  frame.writeUInt16BE(code, 2)
  frame.latin1Write(reason, 4)
  return frame
}
