import { createHash } from 'node:crypto'
import type { RequestHead } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'

/** The one version there is (RFC 6455, 4.1). */
export const WEBSOCKET_VERSION = '13'
/** RFC 6455, 1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** What is wrong with a request for a WebSocket. */
export type HandshakeFault = 'method' | 'key' | 'version'

/**
 * RFC 6455, 4.2.1: what a request that asks for a WebSocket must say. Whoever forwards it unseen leaves it to the service to notice, and takes
 * its word for what the connection then is.
 */
export function handshakeFault({ method, headers }: RequestHead): HandshakeFault | null {
  if (method !== 'GET') return 'method'
  const versions = headers.getAll('Sec-WebSocket-Version')
  if (versions.length !== 1 || versions[0] !== WEBSOCKET_VERSION) return 'version'
  const keys = headers.getAll('Sec-WebSocket-Key')
  return keys.length === 1 && KEY.test(keys[0] ?? '') ? null : 'key'
}

/** RFC 6455, 4.2.2, 5: what proves that a service has understood the request with this key. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(key).update(KEY_SUFFIX).digest('base64')
}

/** Whether the headers of a 101 hold that, once. */
export function acceptsKey(headers: Headers, key: string): boolean {
  const accepts = headers.getAll('Sec-WebSocket-Accept')
  return accepts.length === 1 && accepts[0] === acceptFor(key)
}
