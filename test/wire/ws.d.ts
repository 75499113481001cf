/** What the wire tests use of `ws` besides the server that test/e2e/ws.d.ts declares. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'

  export class WebSocket extends EventEmitter {
    static readonly OPEN: number
    readonly readyState: number
    /** Bytes that wait to be sent. */
    readonly bufferedAmount: number
    constructor(
      address: string,
      options?: { readonly headers?: Readonly<Record<string, string>>; readonly maxPayload?: number; readonly ca?: string },
    )
    send(data: string | Buffer, options?: { readonly binary?: boolean; readonly fin?: boolean }): void
    ping(data: string): void
    pause(): void
    resume(): void
    close(code?: number, reason?: string): void
    terminate(): void
  }
}
