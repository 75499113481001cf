/** The handshake of a WebSocket as bytes (the example of RFC 6455, 1.3), and frames. */
import type { Rig } from './harness.ts'
import type { Peer } from './peer.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A request for a WebSocket. */
export const WEBSOCKET_UPGRADE = `GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
/** The answer that grants it. */
export const WEBSOCKET_SWITCH = `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`

/** Both ends of a WebSocket that goes through the gateway. */
export interface OpenWebSocket {
  readonly client: Peer
  readonly service: Peer
}

export async function openWebSocket(rig: Rig): Promise<OpenWebSocket> {
  const client = await rig.connect()
  client.write(WEBSOCKET_UPGRADE)
  const service = await rig.upstream.accept()
  await service.readHead()
  service.write(WEBSOCKET_SWITCH)
  await client.readHead()
  return { client, service }
}

/** A frame as it is without its mask, which clients put on (RFC 6455, 5.3). @param bytes one whole frame of fewer than 126 bytes, as Latin-1 */
export function unmasked(bytes: string): string {
  const frame = Buffer.from(bytes, 'latin1')
  const mask = frame.subarray(2, 6)
  const payload = frame.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Uint8Array.of(frame[0] ?? 0, (frame[1] ?? 0) & 0x7f), payload]).toString('latin1')
}
