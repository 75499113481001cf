import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { Authority, certificatesMissing } from '../../test/services/certificates.ts'
import { parseSyslog, readFrames, type SyslogMessage, SyslogServer, syslogOutput, until } from './log-receivers.fixture.ts'
import { SyslogDatagramSink } from './syslog-datagram-sink.ts'
import { SyslogStreamSink } from './syslog-stream-sink.ts'

const PARTS = { messageId: 'access', what: 'the access log', log: null }

test('each line is a message of RFC 5424, framed by its octets', async (t) => {
  const server = new SyslogServer()
  const sink = new SyslogStreamSink(syslogOutput({ port: await server.open(t), facility: 18, appName: 'edge' }), PARTS)
  sink.write('{"path":"/1"}\n{"level":"error","message":"2 3 4"}\n')
  sink.write('{"level":"warn"}\n')
  await sink.close(2_000)
  await until(() => server.messages.length === 3)
  assert.deepEqual(
    server.messages.map(({ priority, appName, processId, messageId, text }) => [priority, appName, processId, messageId, text]),
    [
      [18 * 8 + 6, 'edge', String(process.pid), 'access', '{"path":"/1"}'],
      [18 * 8 + 3, 'edge', String(process.pid), 'access', '{"level":"error","message":"2 3 4"}'],
      [18 * 8 + 4, 'edge', String(process.pid), 'access', '{"level":"warn"}'],
    ],
  )
  assert.equal(sink.droppedLines, 0)
})

test('a server that comes back is sent what has waited', async (t) => {
  const first = new SyslogServer()
  const port = await first.open(t)
  const sink = new SyslogStreamSink(syslogOutput({ port }), PARTS)
  sink.write('{"n":1}\n')
  await until(() => first.messages.length === 1)
  first.close()
  await until(() => first.connections === 0)
  const second = new SyslogServer()
  // While nobody listens, lines wait.
  await new Promise((resolve) => setTimeout(resolve, 50))
  sink.write('{"n":2}\n')
  await new Promise((resolve) => setTimeout(resolve, 50))
  sink.write('{"n":3}\n')
  await second.open(t, port)
  await until(() => second.messages.length === 2)
  assert.deepEqual(
    second.messages.map(({ text }) => text),
    ['{"n":2}', '{"n":3}'],
  )
  await sink.close(1_000)
  assert.equal(sink.droppedLines, 0)
})

test('what waits for a server that reads nothing is bounded, and what is beyond is counted', async (t) => {
  const server = new SyslogServer()
  server.isSilent = true
  const sink = new SyslogStreamSink(syslogOutput({ port: await server.open(t), queueBytesMax: 100_000 }), PARTS)
  const chunk = `${JSON.stringify({ path: '/'.padEnd(1_000, 'a') })}\n`.repeat(10)
  // The system's own buffers take some megabytes first.
  for (let i = 0; i < 2_000; i++) {
    sink.write(chunk)
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const dropped = sink.droppedLines
  assert.ok(dropped > 1_000, `${dropped} lines dropped`)
  await sink.close(10)
  assert.ok(sink.droppedLines > dropped, 'what still waited is counted too')
  assert.ok(sink.droppedLines <= 20_000)
})

test('a server that is not there costs lines, each counted once, and nothing else', async () => {
  const sink = new SyslogStreamSink(syslogOutput({ port: 1, queueBytesMax: 65_536 }), PARTS)
  for (let i = 0; i < 1_000; i++) sink.write(`{"n":${i}}\n`)
  await sink.close(10)
  sink.write('{"n":"late"}\n')
  assert.equal(sink.droppedLines, 1_001)
})

test('over TLS the server is verified, and what it is sent is the same', { skip: certificatesMissing }, async (t) => {
  const authority = new Authority()
  const { cert, key } = authority.forServer()
  const messages: SyslogMessage[] = []
  const server = createTlsServer({ cert, key }, (socket) =>
    readFrames(
      socket.on('error', () => {}),
      (message) => messages.push(message),
    ),
  )
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const output = { transport: 'tls', host: 'localhost', port } as const
  const trusting = new SyslogStreamSink(syslogOutput({ ...output, ca: authority.cert }), PARTS)
  trusting.write('{"n":1}\n')
  await trusting.close(5_000)
  await until(() => messages.length === 1)
  const strange = new SyslogStreamSink(syslogOutput(output), PARTS)
  strange.write('{"n":2}\n')
  await strange.close(300)
  assert.deepEqual([messages.length, strange.droppedLines], [1, 1])
})

test('over UDP each line is a datagram', async (t) => {
  const server = createSocket('udp4')
  const messages: SyslogMessage[] = []
  server.on('message', (bytes) => messages.push(parseSyslog(bytes.toString('latin1'))))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const sink = new SyslogDatagramSink(syslogOutput({ transport: 'udp', host: 'localhost', port: server.address().port }), PARTS)
  sink.write('{"n":1}\n{"n":2}\n')
  await sink.close(2_000)
  await until(() => messages.length === 2)
  assert.deepEqual(messages.map(({ text }) => text).toSorted(), ['{"n":1}', '{"n":2}'])
  assert.equal(sink.droppedLines, 0)
})

test('a name that cannot be found costs lines of UDP, and is told once', async () => {
  const told: string[] = []
  const log = { info: () => {}, warn: (_fields: unknown, message: string) => told.push(message), error: () => {} }
  const sink = new SyslogDatagramSink(syslogOutput({ transport: 'udp', host: 'no-such-host.invalid', port: 514 }), { ...PARTS, log })
  for (let i = 0; i < 10; i++) sink.write('{"n":1}\n')
  await sink.close(5_000)
  assert.equal(sink.droppedLines, 10)
  assert.deepEqual(told, ['the syslog server of the access log cannot be found'])
})
