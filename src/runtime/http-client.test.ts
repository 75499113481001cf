import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type TestContext, test } from 'node:test'
import { httpClient } from './http-client.ts'

const BOUNDS = { timeoutMs: 5_000, bytesMax: 1_000 }

async function serve(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  context.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : assert.fail()
}

test('an answer comes whole, with its status and fields', async (context) => {
  const url = await serve(context, ({ headers }, response) => {
    response.writeHead(418, { 'x-a': '1' }).end([headers['accept-encoding'], headers['x-token']].join(' '))
  })
  const answer = await httpClient.get(url, { ...BOUNDS, headers: { 'x-token': 't' } })
  assert.deepEqual([answer.status, answer.header('X-A'), answer.header('x-b'), answer.text], [418, '1', null, 'identity t'])
})

test('a redirect is not followed', async (context) => {
  const url = await serve(context, (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
  await assert.rejects(httpClient.get(url, BOUNDS))
})

test('an answer that is too large, stops half-way or never comes is an error', async (context) => {
  const large = await serve(context, (_, response) => response.end('x'.repeat(1_001)))
  await assert.rejects(httpClient.get(large, BOUNDS), /larger than 1000 bytes/)
  const broken = await serve(context, (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy())
  })
  await assert.rejects(httpClient.get(broken, BOUNDS))
  const silent = await serve(context, () => {})
  await assert.rejects(httpClient.get(silent, { ...BOUNDS, timeoutMs: 50 }), { name: 'TimeoutError' })
  await assert.rejects(httpClient.get('http://127.0.0.1:1/', BOUNDS))
})
