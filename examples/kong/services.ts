/** The two services that the Kong file names: each answers with what it has been asked, so that one sees what the gateway does. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'

const PORTS = { 'user-service': 9021, 'order-service': 9022 } as const
/** What the gateway adds for services, and what one of its plugins takes out. */
const SHOWN = ['x-consumer-username', 'x-gateway', 'x-internal', 'x-forwarded-path', 'x-forwarded-prefix']

/** Starts both; gives what stops them. */
export async function startServices(): Promise<() => void> {
  const servers: Server[] = []
  const stop = (): void => {
    for (const server of servers) server.close().closeAllConnections()
  }
  try {
    for (const [name, port] of Object.entries(PORTS)) servers.push(await startService(name, port))
  } catch (error) {
    stop()
    throw error
  }
  return stop
}

async function startService(service: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const headers = Object.fromEntries(
      SHOWN.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
    )
    response.writeHead(200, { 'Content-Type': 'application/json', 'X-Powered-By': 'a framework' })
    response.end(JSON.stringify({ service, asked: `${request.method} ${request.url}`, headers }))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
