import type { Headers } from '../core/headers.ts'

/**
 * Whether a response is a stream of server-sent events whose events can be told apart: not in a coding that hides where they end. Such a
 * stream can be ended between two events, and the client connects again by itself.
 */
export function isEventStream(headers: Headers): boolean {
  return headers.get('Content-Type')?.toLowerCase().startsWith('text/event-stream') === true && !headers.has('Content-Encoding')
}

/** Follows a stream of server-sent events as it is written, to know where one ends. */
export class EventBoundary {
  /** The last four bytes, the last one lowest; 0 in front of the first. */
  #tail = 0

  reset(): void {
    this.#tail = 0
  }

  /** Whether no event is under way. */
  get isBetweenEvents(): boolean {
    return this.#tail === 0 || endsEvent(this.#tail)
  }

  /** Bytes have been written. */
  note(bytes: Buffer, start: number, end: number): void {
    for (let i = Math.max(start, end - 4); i < end; i++) this.#tail = (this.#tail << 8) | (bytes[i] as number)
  }

  /** The offset behind the first event that ends within `bytes[start..end)`, or -1. What is in front of it has to be noted when it is written. */
  endWithin(bytes: Buffer, start: number, end: number): number {
    let tail = this.#tail
    for (let i = start; i < end; i++) {
      tail = (tail << 8) | (bytes[i] as number)
      if (endsEvent(tail)) return i + 1
    }
    return -1
  }
}

/** An event ends with an empty line; lines end with LF, CR or both (HTML, 9.2.5). */
function endsEvent(tail: number): boolean {
  const two = tail & 0xffff
  return two === 0x0a0a || two === 0x0d0d || (tail & 0xffffff) === 0x0a0d0a
}
