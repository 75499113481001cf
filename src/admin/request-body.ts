import type { IncomingMessage } from 'node:http'

/**
 * The whole body of a request; null when it is larger than `bytesMax`, and then the rest is not read: the connection is to be closed.
 * Rejects when the client goes before its end. How long it may take is bounded by the server's `requestTimeout`.
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return null
  const pieces: Buffer[] = []
  let length = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const piece: unknown = chunk
    if (!Buffer.isBuffer(piece)) continue
    length += piece.length
    if (length > bytesMax) return null
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}
