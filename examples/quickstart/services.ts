/**
 * Three small services for the quickstart: real HTTP servers with some latency and some faults, so that there is something for a
 * gateway to do. They hold their data in memory and forget it when they stop.
 *
 * | service  | address        | paths                       | what goes wrong                                             |
 * | -------- | -------------- | --------------------------- | ----------------------------------------------------------- |
 * | users    | 127.0.0.1:9001 | /users, /users/:id          | nothing                                                     |
 * | orders   | 127.0.0.1:9002 | /orders, /orders/:id        | every 20th request answers 503                              |
 * | payments | 127.0.0.1:9003 | /payments, /payments/:id    | an amount over 1000 answers 422                             |
 *
 * A path may have any prefix (`/api/v1/users` is `/users`). Every answer takes 5 to 40 ms, on `/slow` 3 s; one that ends in `/down` is 503.
 * All speak JSON.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { IDENTITY_PORT, issueToken, startIdentity } from './identity.ts'

interface Item {
  readonly id: number
  readonly [field: string]: unknown
}

interface Service {
  readonly name: string
  readonly port: number
  readonly items: Item[]
  /** Fields that a new item must have, with their types. */
  readonly fields: Readonly<Record<string, 'string' | 'number'>>
  /** Answers in the place of the service when something is to go wrong, or returns null. */
  readonly fault: (requestNumber: number, input: Readonly<Record<string, unknown>>) => Answer | null
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

export const SERVICES: readonly Service[] = [
  {
    name: 'users',
    port: 9001,
    items: [
      { id: 1, name: 'Ada Lovelace', email: 'ada@example.com' },
      { id: 2, name: 'Grace Hopper', email: 'grace@example.com' },
      { id: 3, name: 'Alan Turing', email: 'alan@example.com' },
    ],
    fields: { name: 'string', email: 'string' },
    fault: () => null,
  },
  {
    name: 'orders',
    port: 9002,
    items: [
      { id: 1, userId: 1, item: 'Analytical engine', amount: 950 },
      { id: 2, userId: 2, item: 'Compiler', amount: 120 },
    ],
    fields: { userId: 'number', item: 'string', amount: 'number' },
    fault: (requestNumber) => (requestNumber % 20 === 0 ? { status: 503, body: { error: 'orders is having a moment' } } : null),
  },
  {
    name: 'payments',
    port: 9003,
    items: [{ id: 1, orderId: 1, amount: 950 }],
    fields: { orderId: 'number', amount: 'number' },
    fault: (_, { amount }) =>
      typeof amount === 'number' && amount > 1000 ? { status: 422, body: { error: 'amounts over 1000 need a phone call' } } : null,
  },
]

const LATENCY_MS = { min: 5, max: 40, slow: 3000 }
const BODY_BYTES_MAX = 64 * 1024

/** Reads a JSON object; null when there is none or when it is too large. */
async function readObject(request: IncomingMessage): Promise<Record<string, unknown> | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) return null
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return null
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString())
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

function create(service: Service, input: Record<string, unknown> | null, requestNumber: number): Answer {
  const missing = Object.entries(service.fields).filter(([name, type]) => typeof input?.[name] !== type)
  if (input === null || missing.length > 0) {
    return { status: 400, body: { error: `wanted JSON with ${missing.map(([name, type]) => `${name} (${type})`).join(', ')}` } }
  }
  const fault = service.fault(requestNumber, input)
  if (fault) return fault
  const item = { ...input, id: service.items.length + 1 }
  service.items.push(item)
  return { status: 201, body: item }
}

async function answer(service: Service, request: IncomingMessage, requestNumber: number): Promise<Answer> {
  const { pathname } = new URL(request.url ?? '/', 'http://service')
  const slow = pathname.endsWith('/slow')
  await sleep(slow ? LATENCY_MS.slow : LATENCY_MS.min + Math.random() * (LATENCY_MS.max - LATENCY_MS.min))
  if (slow) return { status: 200, body: { slept: LATENCY_MS.slow } }
  if (pathname.endsWith('/down')) return { status: 503, body: { error: `${service.name} is down` } }

  const [, id] = new RegExp(`(?:^|/)${service.name}(?:/([^/]+))?/?$`).exec(pathname) ?? [null, null]
  if (id === null) return { status: 404, body: { error: `no ${pathname} here` } }
  if (request.method === 'POST' && id === undefined) return create(service, await readObject(request), requestNumber)
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: { error: `no ${request.method} here` } }

  const fault = service.fault(requestNumber, {})
  if (fault) return fault
  if (id === undefined) return { status: 200, body: service.items }
  const item = service.items.find((one) => String(one.id) === id)
  return item ? { status: 200, body: item } : { status: 404, body: { error: `no ${id} in ${service.name}` } }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Starts one service. @throws the error of `listen`, EADDRINUSE when its port is taken */
function start(service: Service): Promise<Server> {
  let requestNumber = 0
  const server = createServer((request, response) => {
    requestNumber += 1
    answer(service, request, requestNumber).then(
      (result) => send(response, result),
      () => response.destroy(),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(service.port, '127.0.0.1', () => resolve(server))
  })
}

/** Starts all services and the identity provider, or none. @returns what stops them */
export async function startServices(): Promise<() => void> {
  const results = await Promise.allSettled([...SERVICES.map(start), startIdentity()])
  const servers = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value)
  const stop = (): void => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
  }
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) {
    stop()
    throw failed.reason
  }
  return stop
}

if (import.meta.main) {
  await startServices()
  for (const { name, port } of SERVICES) process.stdout.write(`${name} on http://127.0.0.1:${port}/${name}\n`)
  process.stdout.write(`identity on http://127.0.0.1:${IDENTITY_PORT}; a token of ada's: ${issueToken('ada')}\n`)
}
