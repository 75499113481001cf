import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import sonicBoom from 'sonic-boom'

// A CommonJS module, whose names Node cannot see; this way of taking it is right for Node and for its types.
const { SonicBoom } = sonicBoom

/** Where batches of lines go. No call blocks, throws or ends the process, whatever state the other end is in. */
export interface LineSink {
  /** Largest text given to {@link write} that goes out as one piece, never mixed with another process's. */
  readonly chunkBytesMax: number
  /** Takes ASCII text of whole lines, at most {@link chunkBytesMax} long; what finds no room is dropped and counted. */
  write(chunk: string): void
  /** Opens a file anew under its name, after it has been rotated. Does nothing for other outputs. */
  reopen(): void
  /** Writes what is left, for at most `timeoutMs`; then drops it. */
  close(timeoutMs: number): Promise<void>
  readonly droppedLines: number
}

/** pipe(7): a write of up to PIPE_BUF bytes to a pipe is atomic, so that workers who share one never mix their lines. */
const PIPE_BUF = 4096
const FILE_CHUNK_BYTES = 64 * 1024
/** Lines that are sent over a network are framed one by one there, so that chunks may be large. */
export const NETWORK_CHUNK_BYTES = 16 * 1024
const FILE_MODE = 0o640

/**
 * @param output `stdout`, `stderr` or a path; a file is appended to and made when it is not there.
 * @param bytesMax bound of what waits for a slow output.
 * @throws the system's error when the file cannot be opened.
 */
export function openLineSink(output: string, bytesMax: number): LineSink {
  if (output !== 'stdout' && output !== 'stderr') {
    // SonicBoom opens in the background and would tell us too late that the path is wrong.
    closeSync(openSync(output, 'a', FILE_MODE))
    return new FileSink(output, bytesMax)
  }
  const fd = output === 'stdout' ? 1 : 2
  const kind = fstatSync(fd)
  if (kind.isFIFO()) {
    const own = openOwnPipe(fd)
    if (own !== null) return new PipeSink(writeOnly(own), true, bytesMax)
  }
  // Node and systemd give their children sockets for pipes; those have no second way in.
  return kind.isFIFO() || kind.isSocket() ? new PipeSink(inheritedSocket(fd), false, bytesMax) : new FileSink(fd, bytesMax)
}

/**
 * A second way into the pipe at `fd` that is non-blocking for us alone: the flag belongs to the open file description, and the one
 * we inherited is shared with processes that may not expect it. null when that is not allowed or the system has no /proc.
 */
function openOwnPipe(fd: number): number | null {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
}

/** stdout and stderr stay open for the life of the process, and the event loop takes a descriptor only once. */
const inherited = new Map<number, Socket>()

function inheritedSocket(fd: number): Socket {
  let socket = inherited.get(fd)
  if (socket === undefined) {
    socket = writeOnly(fd)
    inherited.set(fd, socket)
  }
  return socket
}

function writeOnly(fd: number): Socket {
  const socket = new Socket({ fd, readable: false, writable: true })
  // Without a listener a reader that has gone would end the process.
  return socket.on('error', () => {}).unref()
}

/**
 * A pipe or socket, written by the event loop itself. A file write of libuv would hold a thread while nobody reads, and a process
 * with such a thread cannot exit.
 */
class PipeSink implements LineSink {
  readonly chunkBytesMax = PIPE_BUF
  droppedLines = 0
  readonly #bytesMax: number
  readonly #socket: Socket
  readonly #owned: boolean
  /** The reader has gone: what follows is dropped and counted. */
  readonly #onClose = () => this.#fail()
  #queue: string[] = []
  #queuedBytes = 0
  /** The chunk on its way. Only one at a time: the stream would join several to one write, which is then not atomic. */
  #inFlight: string | null = null
  #onIdle: (() => void) | null = null

  /** @param owned whether the socket is ours to close. */
  constructor(socket: Socket, owned: boolean, bytesMax: number) {
    this.#socket = socket
    this.#owned = owned
    this.#bytesMax = bytesMax
    socket.on('close', this.#onClose)
  }

  write(chunk: string): void {
    if (this.#socket.destroyed || this.#queuedBytes + chunk.length > this.#bytesMax) {
      this.droppedLines += countLines(chunk)
      return
    }
    this.#queuedBytes += chunk.length
    if (this.#inFlight === null) this.#send(chunk)
    else this.#queue.push(chunk)
  }

  reopen(): void {}

  async close(timeoutMs: number): Promise<void> {
    if (this.#inFlight !== null && !this.#socket.destroyed) {
      const idle = Promise.withResolvers<void>()
      this.#onIdle = idle.resolve
      const timer = setTimeout(idle.resolve, timeoutMs)
      await idle.promise
      clearTimeout(timer)
    }
    this.#fail()
    this.#socket.off('close', this.#onClose)
    if (this.#owned) this.#socket.destroy()
  }

  #send(chunk: string): void {
    this.#inFlight = chunk
    this.#socket.write(chunk, 'latin1', (error) => this.#sent(error))
  }

  #sent(error: Error | null | undefined): void {
    // After a failure `#fail` has counted everything.
    if (error || this.#inFlight === null) return
    this.#queuedBytes -= this.#inFlight.length
    this.#inFlight = null
    const next = this.#queue.shift()
    if (next !== undefined) this.#send(next)
    else this.#onIdle?.()
  }

  /** Counts all that waits as dropped. */
  #fail(): void {
    if (this.#inFlight !== null) this.droppedLines += countLines(this.#inFlight)
    for (const chunk of this.#queue) this.droppedLines += countLines(chunk)
    this.#queue = []
    this.#queuedBytes = 0
    this.#inFlight = null
    this.#onIdle?.()
  }
}

/** A file, terminal or socket, written by SonicBoom in libuv's threads. */
class FileSink implements LineSink {
  readonly chunkBytesMax: number
  droppedLines = 0
  readonly #sonic: InstanceType<typeof SonicBoom>
  readonly #isFile: boolean
  #ready = false
  #dead = false

  constructor(target: string | number, bytesMax: number) {
    this.#isFile = typeof target === 'string'
    this.chunkBytesMax = this.#isFile ? FILE_CHUNK_BYTES : PIPE_BUF
    const options = {
      sync: false,
      append: true,
      mode: FILE_MODE,
      maxWrite: this.chunkBytesMax,
      maxLength: bytesMax,
      // Given texts it would count their bytes and encode them as UTF-8, which for ASCII costs more than all of the line's making.
      contentMode: 'buffer',
    } as const
    this.#sonic = new SonicBoom(typeof target === 'string' ? { ...options, dest: target } : { ...options, fd: target })
    this.#sonic.on('ready', () => {
      this.#ready = true
    })
    // A full disk: SonicBoom keeps the chunk and tries it again with the next write. Without a descriptor it never can.
    this.#sonic.on('error', () => {
      if (!this.#ready) this.#dead = true
    })
    // In this mode it is given the bytes that were written.
    this.#sonic.on('drop', (chunk: string | Buffer) => {
      this.droppedLines += countLines(chunk.toString('latin1'))
    })
  }

  write(chunk: string): void {
    if (this.#dead) this.droppedLines += countLines(chunk)
    else writeBytes(this.#sonic, Buffer.from(chunk, 'latin1'))
  }

  reopen(): void {
    // Should the new file not open, SonicBoom goes on with the old one.
    if (this.#isFile && !this.#dead) this.#sonic.reopen()
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#dead) return
    this.#dead = true
    const closed = Promise.withResolvers<void>()
    this.#sonic.once('close', closed.resolve)
    this.#sonic.once('error', () => closed.resolve())
    const timer = setTimeout(closed.resolve, timeoutMs)
    this.#sonic.end()
    await closed.promise
    clearTimeout(timer)
  }
}

/** The library's types know texts only. */
function writeBytes(sonic: InstanceType<typeof SonicBoom>, bytes: Buffer): void {
  const sink: { write(chunk: unknown): boolean } = sonic
  sink.write(bytes)
}

/** Lines of a text that ends with one. */
export function countLines(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
