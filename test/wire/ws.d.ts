/** What the wire tests use of `ws` besides the server that test/e2e/ws.d.ts declares. */
declare module 'ws' {
  import type { EventEmitter } from 'node:events'

  export class WebSocket extends EventEmitter {
    static readonly OPEN: number
    readonly readyState: number
    constructor(address: string)
    send(data: string | Buffer): void
    close(code?: number, reason?: string): void
  }
}
