import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { test } from 'node:test'
import { RegistryClient } from './registry-client.ts'

const NO_TLS = { ca: null, cert: null, key: null, serverName: null }

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

async function serve(t: AfterHook, answer: RequestListener): Promise<{ server: Server; client: RegistryClient }> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const client = new RegistryClient(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, NO_TLS)
  t.after(() => {
    client.close()
    server.closeAllConnections()
    server.close()
  })
  return { server, client }
}

async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  return all
}

const WAIT = { timeoutMs: 10_000 }

test('a whole answer is given with its status and headers, whatever the status', async (t) => {
  const { client } = await serve(t, (request, response) => {
    response.writeHead(404, { 'x-token': String(request.headers['x-token']) }).end(`{"path":"${request.url}","method":"${request.method}"}`)
  })
  const answer = await client.request('GET', '/v1/a?b=c', { 'x-token': 'secret' }, WAIT)
  assert.equal(answer.status, 404)
  assert.equal(answer.headers['x-token'], 'secret')
  assert.deepEqual(answer.json(), { path: '/v1/a?b=c', method: 'GET' })
})

test('a body is sent', async (t) => {
  const { client } = await serve(t, (request, response) => void request.pipe(response))
  assert.equal((await client.request('POST', '/', {}, { ...WAIT, body: 'héllo' })).text, 'héllo')
})

test('what is not JSON is told as such', async (t) => {
  const { client } = await serve(t, (_, response) => void response.end('<html>'))
  const answer = await client.request('GET', '/', {}, WAIT)
  assert.throws(() => answer.json(), { name: 'RegistryError', message: /^127\.0\.0\.1:\d+ did not answer with JSON$/ })
})

test('an answer larger than its bound is refused', async (t) => {
  const { client } = await serve(t, (_, response) => void response.end('x'.repeat(1_001)))
  await assert.rejects(client.request('GET', '/', {}, { ...WAIT, bytesMax: 1_000 }), {
    name: 'RegistryError',
    message: /more than 1000 bytes/,
  })
  assert.equal((await client.request('GET', '/', {}, { ...WAIT, bytesMax: 1_001 })).text.length, 1_001)
})

test('a registry that never answers, or never to the end, is given up', async (t) => {
  const { client } = await serve(t, (request, response) => {
    if (request.url === '/head') response.writeHead(200).write('x')
  })
  await assert.rejects(client.request('GET', '/', {}, { timeoutMs: 50 }), { message: /did not answer within 0\.05 s$/ })
  await assert.rejects(client.request('GET', '/head', {}, { timeoutMs: 50 }), { message: /did not answer within 0\.05 s$/ })
})

test('a registry that is not there is told in words', async (t) => {
  const { server, client } = await serve(t, () => {})
  server.close()
  await assert.rejects(client.request('GET', '/', {}, WAIT), {
    name: 'RegistryError',
    message: /^127\.0\.0\.1:\d+ refused the connection$/,
  })
})

test('an answer that breaks off is an error and not a shorter answer', async (t) => {
  const { client } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': 10 }).write('12345', () => response.destroy())
  })
  await assert.rejects(client.request('GET', '/', {}, WAIT), { name: 'RegistryError' })
})

test('a kept connection that was closed meanwhile is opened again without a word', async (t) => {
  let connections = 0
  const { server, client } = await serve(t, (request, response) => {
    // The second request on a connection finds it closing.
    if (request.url === '/second' && connections === 1) request.socket.destroy()
    else response.end('there')
  })
  server.on('connection', () => connections++)
  await client.request('GET', '/first', {}, WAIT)
  assert.equal((await client.request('GET', '/second', {}, WAIT)).text, 'there')
  assert.equal(connections, 2)
})

test('a signal ends what is under way', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const { client } = await serve(t, () => arrived.resolve())
  const stop = new AbortController()
  const asked = client.request('GET', '/', {}, { ...WAIT, signal: stop.signal })
  await arrived.promise
  stop.abort()
  await assert.rejects(asked, { name: 'RegistryError' })
  await assert.rejects(client.request('GET', '/', {}, { ...WAIT, signal: stop.signal }), { name: 'RegistryError' })
})

test('a closed client asks no more', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const { client } = await serve(t, () => arrived.resolve())
  const asked = client.request('GET', '/', {}, WAIT)
  await arrived.promise
  client.close()
  await assert.rejects(asked, { name: 'RegistryError' })
  await assert.rejects(client.request('GET', '/', {}, WAIT), { message: /is not asked any more$/ })
})

test('a stream gives lines however they are cut', async (t) => {
  const text = Buffer.from('{"a":1}\n{"b":2}\r\n\nénd')
  const { client } = await serve(t, (request, response) => {
    const size = Number(request.url?.slice(1))
    const next = (at: number): void => {
      if (at < text.length) response.write(text.subarray(at, at + size), () => setImmediate(next, at + size))
      else response.end()
    }
    next(0)
  })
  for (const size of [1, 2, 3, 5, 7, 100]) {
    const stream = await client.stream('GET', `/${size}`, {}, WAIT)
    assert.equal(stream.status, 200)
    assert.deepEqual(await linesOf(stream.lines), ['{"a":1}', '{"b":2}', '', 'énd'])
  }
})

test('a stream gives a line before the next one has come', async (t) => {
  const next = Promise.withResolvers<void>()
  const { client } = await serve(t, (_, response) => {
    response.write('first\n')
    void next.promise.then(() => response.end('second\n'))
  })
  const got: string[] = []
  for await (const line of (await client.stream('GET', '/', {}, WAIT)).lines) {
    got.push(line)
    next.resolve()
  }
  assert.deepEqual(got, ['first', 'second'])
})

test('a stream that falls silent is an error', async (t) => {
  const { client } = await serve(t, (_, response) => void response.write('first\n'))
  const { lines } = await client.stream('GET', '/', {}, { ...WAIT, idleTimeoutMs: 50 })
  await assert.rejects(linesOf(lines), { name: 'RegistryError', message: /said nothing for 0\.05 s$/ })
})

test('the time that a reader takes for a line does not count as silence', async (t) => {
  const { client } = await serve(t, (_, response) => void response.end('first\nsecond\n'))
  const got: string[] = []
  for await (const line of (await client.stream('GET', '/', {}, { ...WAIT, idleTimeoutMs: 300 })).lines) {
    got.push(line)
    await new Promise((resolve) => {
      setTimeout(resolve, 600)
    })
  }
  assert.deepEqual(got, ['first', 'second'])
})

test('a stream that breaks off, or whose line does not end, is an error', async (t) => {
  const { client } = await serve(t, (request, response) => {
    if (request.url === '/long') response.write('x'.repeat(100_000))
    else response.write('first\nsec', () => response.destroy())
  })
  const broken = await client.stream('GET', '/', {}, WAIT)
  await assert.rejects(linesOf(broken.lines), { name: 'RegistryError' })
  const long = await client.stream('GET', '/long', {}, { ...WAIT, bytesMax: 1_000 })
  await assert.rejects(linesOf(long.lines), { message: /sent a line of more than 1000 bytes$/ })
})

test('a stream that is left or ended by its signal closes its connection', async (t) => {
  const closed: string[] = []
  const both = Promise.withResolvers<void>()
  const { client } = await serve(t, (request, response) => {
    response.on('close', () => {
      closed.push(String(request.url))
      if (closed.length === 2) both.resolve()
    })
    response.write('first\n')
  })
  for await (const line of (await client.stream('GET', '/left', {}, WAIT)).lines) {
    assert.equal(line, 'first')
    break
  }
  const stop = new AbortController()
  const aborted = await client.stream('GET', '/aborted', {}, { ...WAIT, signal: stop.signal })
  const reading = linesOf(aborted.lines)
  stop.abort()
  await assert.rejects(reading, { name: 'RegistryError' })
  await both.promise
  assert.deepEqual(closed.sort(), ['/aborted', '/left'])
})
