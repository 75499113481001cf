import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpSink } from './http-sink.ts'
import { BatchServer, httpOutput, until } from './log-receivers.fixture.ts'

const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}`)

test('lines come in batches of NDJSON, in their order, with the headers that are configured', async (t) => {
  const server = new BatchServer()
  const url = await server.open(t)
  const sink = new HttpSink(httpOutput({ url, headers: [['Authorization', 'Bearer abc']], batchBytesMax: 100 }), 'the access log', null)
  for (const line of lines(0, 100)) sink.write(`${line}\n`)
  await sink.close(2_000)
  assert.deepEqual(server.lines, lines(0, 100))
  assert.ok(server.deliveries.length > 5 && server.deliveries.length < 50, `${server.deliveries.length} batches`)
  for (const { headers, body } of server.deliveries) {
    assert.equal(headers['content-type'], 'application/x-ndjson')
    assert.equal(headers.authorization, 'Bearer abc')
    assert.ok(body.length <= 100)
  }
  assert.equal(sink.droppedLines, 0)
})

test('a batch that is not full is sent after the interval, compressed where that is asked for', async (t) => {
  const server = new BatchServer()
  const sink = new HttpSink(httpOutput({ url: await server.open(t), gzip: true }), 'the access log', null)
  sink.write('{"n":1}\n')
  await until(() => server.deliveries.length === 1)
  assert.equal(server.deliveries[0]?.headers['content-encoding'], 'gzip')
  assert.deepEqual(server.lines, ['{"n":1}'])
  await sink.close(1_000)
})

test('a receiver that is busy is asked again, and one that refuses has the batch dropped', async (t) => {
  const server = new BatchServer()
  const told: string[] = []
  const note = (_fields: unknown, message: string): void => void told.push(message)
  const log = { info: note, warn: note, error: note }
  const sink = new HttpSink(httpOutput({ url: await server.open(t) }), 'the access log', log)
  server.answer = (response) => {
    if (server.deliveries.length === 1) response.writeHead(429, { 'Retry-After': '0' }).end()
    else if (server.deliveries.length === 2) response.destroy()
    else if (server.deliveries.length === 3) response.writeHead(503).end()
    else response.end()
  }
  sink.write('{"n":1}\n')
  await until(() => server.deliveries.length === 4)
  assert.deepEqual(server.lines, Array(4).fill('{"n":1}'))
  await until(() => told.length === 2)
  assert.deepEqual(told, ['the receiver of the access log does not take it', 'the receiver of the access log takes it again'])
  server.answer = (response) => response.writeHead(400).end()
  sink.write('{"n":2}\n{"n":3}\n')
  await until(() => sink.droppedLines === 2)
  assert.equal(server.deliveries.length, 5)
  await sink.close(1_000)
})

test('what waits for a receiver that does not answer is bounded, and what is beyond is counted', async (t) => {
  const server = new BatchServer()
  server.answer = () => {}
  const sink = new HttpSink(httpOutput({ url: await server.open(t), queueBytesMax: 10_000 }), 'the access log', null)
  const line = `${JSON.stringify({ path: '/'.padEnd(87, 'a') })}\n`
  for (let i = 0; i < 1_000; i++) {
    sink.write(line)
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(sink.droppedLines, 1_000 - Math.floor(10_000 / line.length))
  await sink.close(20)
  await until(() => sink.droppedLines === 1_000)
})

test('an answer that never comes ends with the timeout, and the batch is sent again', async (t) => {
  const server = new BatchServer()
  server.answer = (response) => {
    if (server.deliveries.length > 1) response.end()
  }
  const sink = new HttpSink(httpOutput({ url: await server.open(t), timeoutMs: 100 }), 'the access log', null)
  sink.write('{"n":1}\n')
  await until(() => server.deliveries.length === 2)
  await sink.close(1_000)
  assert.equal(sink.droppedLines, 0)
})

test('a receiver that is not there costs lines, each counted once', async () => {
  const sink = new HttpSink(httpOutput({ url: 'http://127.0.0.1:1/', intervalMs: 10 }), 'the access log', null)
  for (let i = 0; i < 100; i++) sink.write('{}\n')
  await sink.close(50)
  await until(() => sink.droppedLines === 100)
  sink.write('{}\n')
  assert.equal(sink.droppedLines, 101)
})
