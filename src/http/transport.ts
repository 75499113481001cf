import { type BoundSocket, connect as netConnect, Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net'
import { constants } from 'node:os'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { nodeTls } from '../core/lazy-builtins.ts'
import { EMPTY, giveSpare } from './output.ts'

/** What a connection does with its bytes. All calls are synchronous. */
export interface TransportOwner {
  /** Takes `bytes[start..end)`, valid during the call only. */
  onBytes(bytes: Buffer, start: number, end: number): void
  /** The peer has finished sending (FIN). */
  onReadEnd(): void
  /** The bytes that waited have been sent. */
  onDrain(): void
  /** The connection is gone; called once, last. */
  onClosed(error: Error | null): void
  /** An outgoing connection stands; with TLS, its peer has been verified. */
  onConnected?(): void
  /** The TCP connection stands, and the TLS handshake begins. */
  onHandshake?(): void
}

/** Every read of every connection lands here: what is to be kept is copied, and reading allocates nothing. */
const READ_SLAB = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * The parts of an accepted `net.Socket` that let us take its handle over. Undocumented in Node, so looked at with care: where they
 * are not as expected, the socket is used as it is and only costs a little more.
 */
interface AcceptedSocket {
  _handle?: BoundSocket | null
  _server?: unknown
}

/** One connection, TCP or TLS over it: reads into a shared slab, writes at once or holds the rest, and can pause. */
export class Transport {
  readonly socket: Socket
  /** The same socket where TLS is spoken, else null. */
  readonly tls: TLSSocket | null
  owner: TransportOwner
  /** Bytes wait because the peer does not read: the source should pause until `onDrain`. */
  stalled = false
  closed = false
  /**
   * Whether the end of what the peer sends is one that nobody on the way can forge: with TLS only a close_notify is (RFC 8446, 6.1), while a
   * mere FIN may cut anything off. Of plain TCP a FIN is all there is. Known once `onReadEnd` is called.
   */
  endsWhole = true
  #held: Buffer[] | null = null
  #paused = false
  #pendingWrites = 0
  #closeError: Error | null = null
  readonly #onDrained = (): void => {
    if (--this.#pendingWrites > 0) return
    if (this.#held !== null) {
      for (const buffer of this.#held) giveSpare(buffer)
      this.#held = null
    }
    this.stalled = false
    if (!this.closed) this.owner.onDrain()
  }

  private constructor(socket: Socket, owner: TransportOwner, tls: TLSSocket | null = null) {
    this.socket = socket
    this.owner = owner
    this.tls = tls
  }

  /** Takes over a TLS connection whose handshake is done. */
  static secure(socket: TLSSocket, owner: TransportOwner): Transport {
    const transport = new Transport(socket, owner, socket)
    transport.#listen()
    socket.on('data', (chunk: Buffer) => transport.owner.onBytes(chunk, 0, chunk.length))
    return transport
  }

  /** Takes over an accepted connection; the server must have been made with `pauseOnConnect` and `allowHalfOpen`. */
  static accept(accepted: Socket, owner: TransportOwner): Transport {
    const internals = accepted as unknown as AcceptedSocket
    const handle = internals._handle
    if (handle === null || handle === undefined) {
      const transport = new Transport(accepted, owner)
      transport.#listen()
      accepted.on('data', (chunk: Buffer) => transport.owner.onBytes(chunk, 0, chunk.length))
      return transport
    }
    // A socket whose reads go to our slab costs about 1 us less a request; it can only be made from the handle.
    internals._handle = null
    const options = { handle, allowHalfOpen: true, onread: slabReader((bytes, length) => transport.owner.onBytes(bytes, 0, length)) }
    const socket = new Socket(options)
    const rewrapped = socket as unknown as AcceptedSocket
    // The server counts its connections down through this when the socket closes.
    rewrapped._server = internals._server
    internals._server = null
    const transport = new Transport(socket, owner)
    transport.#listen()
    socket.setNoDelay(true)
    socket.resume()
    return transport
  }

  /** Opens a connection; `onConnected` or `onClosed` tells how it went. */
  static connect(host: string, port: number, owner: TransportOwner): Transport {
    const socket = netConnect(connectOptions(host, port, (bytes, length) => transport.owner.onBytes(bytes, 0, length)))
    const transport = new Transport(socket, owner)
    transport.#listen()
    socket.once('connect', () => transport.owner.onConnected?.())
    return transport
  }

  /**
   * Opens a connection and secures it; `onConnected` or `onClosed` tells how it went, the former once the peer has been verified.
   * @param options what TLS needs to know, as `tls.connect` takes it
   */
  static connectSecure(host: string, port: number, options: ConnectionOptions, owner: TransportOwner): Transport {
    const socket = nodeTls().connect({
      ...options,
      ...connectOptions(host, port, (bytes, length) => transport.owner.onBytes(bytes, 0, length)),
    })
    const transport = new Transport(socket, owner, socket)
    transport.#watchEnd(socket)
    transport.#listen()
    socket.once('connect', () => transport.owner.onHandshake?.())
    socket.once('secureConnect', () => transport.owner.onConnected?.())
    return transport
  }

  /**
   * Finds out how the peer's sending ends. Node pushes the same null for a close_notify and for a FIN without one. But after a FIN libuv
   * has stopped to read, so that reading can be started, while behind a close_notify it still reads; and while we had reading stopped, no
   * FIN can have been seen. Undocumented: where the parts are not as expected, no end counts as whole.
   */
  #watchEnd(socket: TLSSocket): void {
    this.endsWhole = false
    const push = socket.push.bind(socket)
    socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null) this.endsWhole = this.#paused || isReading(socket)
      return push(chunk, encoding)
    }
  }

  #listen(): void {
    this.socket.on('end', () => {
      if (!this.closed) this.owner.onReadEnd()
    })
    this.socket.on('error', (error: Error) => {
      this.#closeError = error
      // An alert of the peer is no end of what it sends, which is what Node says next.
      if (this.tls !== null) this.socket.destroy()
    })
    this.socket.on('close', () => {
      if (this.closed) return
      this.closed = true
      this.owner.onClosed(this.#closeError)
    })
  }

  /**
   * Writes `buffer[0..length)`.
   * @returns true when the kernel took it all and the buffer is free; false when the buffer is kept until it has.
   */
  writeNow(buffer: Buffer, length: number): boolean {
    const { socket } = this
    if (this.closed || socket.destroyed || !socket.writable) return true
    socket.write(buffer.subarray(0, length))
    const waiting = socket.writableLength
    // TLS encrypts what it is given at once, so that the buffer is free again although the write ends only later, in the next turn of the loop.
    // Node tells no more of it than this: as long as what waits is what was written just now, nothing waits in JavaScript.
    if (waiting === 0 || (this.tls !== null && waiting === length)) return !this.stalled
    // An empty write behind it tells when all before it has been sent; a callback on each write would cost every request.
    this.stalled = true
    this.#pendingWrites++
    this.#held ??= []
    this.#held.push(buffer)
    socket.write(EMPTY, this.#onDrained)
    return false
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.#paused || this.closed) return
    this.#paused = false
    this.socket.resume()
  }

  /** Sends what waits, then FIN; reading goes on. */
  finish(): void {
    // Node makes an error, stack and all, for a second end: 12 us for each connection whose both sides close.
    if (!this.closed && !this.socket.writableEnded) this.socket.end()
  }

  /** Closes at once; `onClosed` is not called any more. */
  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.socket.destroy()
  }

  /** Closes with RST, so that the peer cannot take what it has for a whole message (RFC 9112, 9.5 and 8). */
  abort(): void {
    if (this.closed) return
    this.closed = true
    // With its FIN under way, a reset would never close the handle, and the descriptor would be lost.
    // TLS has its own mark of a whole message, close_notify, which is not sent here (RFC 8446, 6.1).
    if (this.tls !== null || this.socket.writableEnded) this.socket.destroy()
    else this.socket.resetAndDestroy()
  }
}

/** The handle of a TLS socket, as far as {@link Transport} looks at it. */
interface TlsHandle {
  readonly _parent?: { readStart?(): number }
}

/** Of libuv: the connection reads already. */
const EALREADY = -constants.errno.EALREADY

/** Whether the TCP connection below is still being read. Starting to read what is read changes nothing. */
function isReading(socket: TLSSocket): boolean {
  const { _handle: handle } = socket as unknown as { readonly _handle?: TlsHandle | null }
  return handle?._parent?.readStart?.() === EALREADY
}

function connectOptions(
  host: string,
  port: number,
  take: (bytes: Buffer, length: number) => void,
): TcpNetConnectOpts & SocketConstructorOpts {
  return {
    host,
    port,
    noDelay: true,
    // After a switch of protocols each side ends by itself; in HTTP the end of what a service sends closes its connection.
    allowHalfOpen: true,
    // Node's own racing of address families has timers of its own; discovery gives us one address a target.
    autoSelectFamily: false,
    onread: slabReader(take),
  }
}

function slabReader(take: (bytes: Buffer, length: number) => void): { buffer: Buffer; callback: (length: number) => boolean } {
  return {
    buffer: READ_SLAB,
    callback: (length) => {
      take(READ_SLAB, length)
      return true
    },
  }
}
