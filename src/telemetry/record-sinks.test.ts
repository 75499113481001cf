import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { HttpRecords } from '../core/record-output.ts'
import { MetricsRegistry } from './metrics.ts'
import { RecordSinks } from './record-sinks.ts'

function sinks() {
  const logged: string[] = []
  const note = (_fields: object, message: string): void => void logged.push(message)
  const metrics = new MetricsRegistry()
  const dropped = (): number =>
    metrics
      .dump()
      .find(({ name }) => name === 'gateway_records_dropped_total')
      ?.series.reduce((sum, { values }) => sum + (values[0] ?? 0), 0) ?? 0
  return { logged, dropped, outputs: new RecordSinks({ log: { info: note, warn: note, error: note }, metrics }) }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'turnpike-records-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

/** A receiver that answers so, and what it was sent. */
async function receiver(t: TestContext, status = 200) {
  const requests: { readonly method: string; readonly type: string; readonly body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      requests.push({ method: request.method ?? '', type: request.headers['content-type'] ?? '', body })
      response.writeHead(status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const output: HttpRecords = {
    kind: 'http',
    url: `http://127.0.0.1:${port}/in`,
    method: 'PUT',
    headers: [],
    contentType: 'application/json',
    recordsMax: 1,
    intervalMs: 20,
    timeoutMs: 1_000,
    queueBytesMax: 100_000,
  }
  return { requests, output }
}

test('records are appended to a file, a line each, and to a new file once it was rotated', async (t) => {
  const path = join(folder(t), 'log')
  const { outputs, dropped } = sinks()
  const sink = outputs.open({ kind: 'file', path, reopen: false })
  sink.write('{"a":1}')
  sink.write('{"a":2}')
  outputs.reopen()
  while (readFileSync(path, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 5))
  renameSync(path, `${path}.1`)
  outputs.reopen()
  await new Promise((resolve) => setTimeout(resolve, 50))
  sink.write('{"a":3}')
  sink.close()
  await outputs.close()
  assert.equal(readFileSync(`${path}.1`, 'utf8'), '{"a":1}\n{"a":2}\n')
  assert.equal(readFileSync(path, 'utf8'), '{"a":3}\n')
  assert.equal(dropped(), 0)
})

test('a file that cannot be opened is an error at once, and a record that is too long for it is counted', async (t) => {
  const { outputs, dropped } = sinks()
  assert.throws(() => outputs.open({ kind: 'file', path: join(folder(t), 'no/where'), reopen: false }), { code: 'ENOENT' })
  const sink = outputs.open({ kind: 'file', path: join(folder(t), 'log'), reopen: true })
  sink.write('x'.repeat(100_000))
  sink.close()
  await outputs.close()
  assert.equal(dropped(), 1)
})

test('a record is a request of its own, or several are an array', async (t) => {
  const { requests, output } = await receiver(t)
  const { outputs } = sinks()
  const single = outputs.open(output)
  single.write('{"a":1}')
  single.write('{"a":2}')
  single.close()
  await outputs.close()
  assert.deepEqual(requests.splice(0), [
    { method: 'PUT', type: 'application/json', body: '{"a":1}' },
    { method: 'PUT', type: 'application/json', body: '{"a":2}' },
  ])
  const several = outputs.open({ ...output, recordsMax: 2, method: 'POST' })
  for (const n of [1, 2, 3]) several.write(`${n}`)
  several.close()
  await outputs.close()
  assert.deepEqual(
    requests.map(({ body }) => body),
    ['[1,2]', '[3]'],
  )
})

test('what a receiver does not take, and what finds no room, is counted and told', async (t) => {
  const { output } = await receiver(t, 400)
  const { outputs, dropped, logged } = sinks()
  const sink = outputs.open({ ...output, queueBytesMax: 10 })
  sink.write('12345')
  sink.write('too long for the rest')
  assert.equal(dropped(), 1)
  sink.close()
  await outputs.close()
  assert.equal(dropped(), 2)
  assert.deepEqual(logged, ['the receiver of records of exchanges does not take it'])
})

test('lines go by UDP, one in a datagram or as many as fit', async (t) => {
  const server = createSocket('udp4')
  t.after(() => server.close())
  const received: string[] = []
  server.on('message', (bytes) => received.push(bytes.toString()))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const { outputs } = sinks()
  const received3 = async (count: number): Promise<string[]> => {
    while (received.length < count) await once(server, 'message')
    return received.splice(0)
  }
  const one = outputs.open({ kind: 'udp', host: 'localhost', port, datagramBytesMax: 0 })
  one.write('a:1|c')
  one.write('b:1|c')
  one.close()
  assert.deepEqual(await received3(2), ['a:1|c', 'b:1|c'])
  const many = outputs.open({ kind: 'udp', host: '127.0.0.1', port, datagramBytesMax: 12 })
  for (const line of ['a:1|c', 'b:1|c', 'c:1|c']) many.write(line)
  many.close()
  assert.deepEqual(await received3(2), ['a:1|c\nb:1|c', 'c:1|c'])
})

test('a name that is nobody’s loses lines and is told once', async () => {
  const { outputs, dropped, logged } = sinks()
  const sink = outputs.open({ kind: 'udp', host: 'nobody.invalid', port: 1, datagramBytesMax: 0 })
  sink.write('a:1|c')
  sink.write('b:1|c')
  sink.close()
  while (dropped() < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(logged, ['a server for metrics cannot be reached'])
})

test('lines go by TCP over one connection, and over another when that has broken', async (t) => {
  const received: string[] = []
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.on('data', (bytes) => void received.push(bytes.toString()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { outputs, dropped } = sinks()
  const { port } = server.address() as AddressInfo
  const sink = outputs.open({ kind: 'tcp', host: '127.0.0.1', port })
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  sink.write('a:1|c')
  sink.write('b:1|c')
  await until(() => received.join('') === 'a:1|c\nb:1|c\n')
  sockets[0]?.destroy()
  sink.write('c:1|c')
  await until(() => received.join('').endsWith('c:1|c\n'))
  sink.write('d:1|c')
  sink.close()
  await outputs.close()
  await until(() => received.join('').endsWith('d:1|c\n'))
  assert.equal(dropped(), 0)
})

test('a server that nobody is at loses lines by TCP, and they are counted', async () => {
  const { outputs, dropped, logged } = sinks()
  const sink = outputs.open({ kind: 'tcp', host: '127.0.0.1', port: 1 })
  sink.write('a:1|c')
  sink.close()
  await outputs.close()
  assert.equal(dropped(), 1)
  sink.write('b:1|c')
  assert.equal(dropped(), 2)
  assert.deepEqual(logged, ['a server for metrics cannot be reached'])
})
