import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocketServer } from 'ws'

export interface Upstream {
  readonly port: number
  /** Requests answered. */
  answered: number
}

/** A service within the test's process: answers every request, and echoes on WebSockets. */
export async function startUpstream(t: TestContext): Promise<Upstream> {
  const server = createServer((request, response) => {
    upstream.answered++
    request.resume()
    response.setHeader('Content-Length', 2).end('ok')
  })
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream = { port: (server.address() as AddressInfo).port, answered: 0 }
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return upstream
}
