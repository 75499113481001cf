/** What the tests use of `ws`, which brings no types. */
declare module 'ws' {
  import type { Server } from 'node:http'

  interface ServerSocket {
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this
    send(data: Buffer, options: { readonly binary: boolean }): void
  }

  export class WebSocketServer {
    constructor(options: { readonly server: Server })
    on(event: 'connection', listener: (socket: ServerSocket) => void): this
    close(): void
  }
}
