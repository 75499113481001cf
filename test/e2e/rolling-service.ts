/** The service behind the gateways of the rolling tests: requests, WebSockets and events. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'

const EVENT_EVERY_MS = 20

/**
 * Answers a request with its body, echoes on WebSockets, and sends events at `/events`, each in two pieces, so that an end in the middle of
 * one would be seen.
 * @returns its port
 */
export async function startRollingService(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    if (request.url === '/events') return sendEvents(response)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const body = Buffer.concat(chunks)
      response.setHeader('Content-Length', body.length).end(body)
    })
  })
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

function sendEvents(response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/event-stream')
  let n = 0
  const timer = setInterval(() => {
    response.write(n % 2 === 0 ? `id: ${n / 2}\nda` : `ta: event\n\n`)
    n++
  }, EVENT_EVERY_MS)
  response.once('close', () => clearInterval(timer))
}
