import type { Transport } from './transport.ts'

const CAPACITY = 80 * 1024
const SPARE_MAX = 32
const EMPTY = Buffer.alloc(0)
const spare: Buffer[] = []

/**
 * The write side's one buffer: heads and small bodies are put together here and leave in one system call.
 *
 * A worker has one for each direction, shared by all connections, because nearly every write is taken by the kernel at once and
 * the buffer is free again when `write` returns. When the kernel does not take it all, the buffer is left to that connection
 * until it has, and a spare one takes its place.
 *
 * Use: `begin(transport)`, write into `buffer` from `length` on after `reserve`, then `flush`. Nothing else may come between.
 */
export class Output {
  buffer: Buffer = Buffer.allocUnsafeSlow(CAPACITY)
  length = 0
  /** Counts the times that {@link buffer} was handed over: while it is the same, what was written there can still be changed. */
  flushes = 0
  #transport: Transport | null = null

  /** Makes `transport` the one that what follows is for; what still waits for another one goes out first. */
  begin(transport: Transport): void {
    if (this.#transport === transport) return
    if (this.#transport !== null) this.flush()
    this.#transport = transport
  }

  /** Makes room for `bytes` more. What is there may go out for that; a piece larger than the buffer gets a larger one. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const transport = this.#transport
    if (this.length > 0) this.flush()
    this.#transport = transport
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(bytes)
  }

  /** Appends a copy of `bytes[start..end)`. */
  append(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    this.length += bytes.copy(this.buffer, this.length, start, end)
  }

  /** {@link flush}, if what is there is for this transport. */
  flushOf(transport: Transport): void {
    if (this.#transport === transport) this.flush()
  }

  /** Hands everything to the kernel. Returns false when the connection is now stalled, with bytes that wait. */
  flush(): boolean {
    const transport = this.#transport
    this.#transport = null
    if (transport === null) return true
    const length = this.length
    if (length === 0) return !transport.stalled
    this.length = 0
    this.flushes++
    const { buffer } = this
    if (transport.writeNow(buffer, length)) {
      if (buffer.length > CAPACITY) this.buffer = takeSpare()
      return true
    }
    // The kernel still reads from the old buffer.
    this.buffer = takeSpare()
    return false
  }
}

function takeSpare(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(CAPACITY)
}

/** Takes a buffer back that a connection held until its bytes were sent. */
export function giveSpare(buffer: Buffer): void {
  if (buffer.length === CAPACITY && spare.length < SPARE_MAX) spare.push(buffer)
}

export { EMPTY }

/** Towards clients, and towards services. */
export const downstreamOutput = new Output()
export const upstreamOutput = new Output()
