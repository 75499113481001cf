/** What the tests use of `ws`, which brings no types. */
declare module 'ws' {
  import type { IncomingMessage, Server } from 'node:http'
  import type { Server as SecureServer } from 'node:https'

  interface ServerSocket {
    /** Bytes that wait to be sent. */
    readonly bufferedAmount: number
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this
    on(event: 'pong', listener: (data: Buffer) => void): this
    on(event: 'close', listener: (code: number) => void): this
    send(data: string | Buffer, options?: { readonly binary?: boolean; readonly fin?: boolean }): void
    ping(data: string): void
    pause(): void
    resume(): void
    close(code?: number): void
    terminate(): void
  }

  export class WebSocketServer {
    constructor(options: {
      readonly server: Server | SecureServer
      readonly maxPayload?: number
      readonly verifyClient?: (info: { readonly req: IncomingMessage }) => boolean
    })
    on(event: 'connection', listener: (socket: ServerSocket, request: IncomingMessage) => void): this
    close(): void
  }
}
