/** Each limit has its own status: 408, 413, 414, 417, 431, 501 and 505 (the last two are in framing.test.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, echo, eventually, splitEverywhere, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

const HOST = 'Host: a\r\n'

function assertRefused(text: string, status: number, code: string): void {
  assert.equal(text.slice(0, 13), `HTTP/1.1 ${status} `)
  assert.equal(fieldOf(text, 'turnpike-error'), code)
  assert.equal(fieldOf(text, 'connection'), 'close')
  assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1)
}

test('a head that is not complete in time is 408', async (context) => {
  const rig = await startRig(context, { limits: { headTimeout: 50 } })
  for (const part of ['G', 'GET / HTTP/1.1\r\n', `GET / HTTP/1.1\r\n${HOST}\r`]) {
    assertRefused((await rig.exchange(part)).text, 408, 'request_head_timeout')
  }
  assert.equal(rig.upstream.peers.length, 0)
})

test('a head that comes drop by drop gets no more time than one that does not', async (context) => {
  const rig = await startRig(context, { limits: { headTimeout: 100 } })
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\n')
  const drops = setInterval(() => client.write('X: 1\r\n'), 20)
  const { text } = await client.readAll().finally(() => clearInterval(drops))
  assertRefused(text, 408, 'request_head_timeout')
})

test('the second head of a connection has its time as well', async (context) => {
  const rig = await startRig(context, { limits: { headTimeout: 50 } })
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  await client.readResponse()
  client.write('GET')
  assertRefused((await client.readAll()).text, 408, 'request_head_timeout')
})

test('a connection that sends nothing is closed without a word', async (context) => {
  const rig = await startRig(context, { limits: { headTimeout: 50, idleTimeout: 50 } })
  rig.upstream.onConnection = echo
  assert.equal((await (await rig.connect()).readAll()).text, '')
  const client = await rig.connect()
  client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  await client.readResponse()
  assert.equal((await client.readAll()).text, '', 'also between two requests')
})

for (const [name, framing] of [
  ['of stated length', 'Content-Length: 10\r\n\r\nhello'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
]) {
  test(`a body ${name} that stops coming is 408, and the service sees no whole request`, async (context) => {
    const rig = await startRig(context, { limits: { bodyIdleTimeout: 50 } })
    const answered = rig.exchange(`POST / HTTP/1.1\r\n${HOST}${framing}`)
    const service = await rig.upstream.accept()
    assertRefused((await answered).text, 408, 'request_body_timeout')
    const { text } = await service.readAll()
    assert.ok(!text.endsWith('0\r\n\r\n') && !text.endsWith('hellohello'), text)
  })
}

test('a body that states a length above the limit is 413 at once, and reaches no service', async (context) => {
  const rig = await startRig(context, { limits: { bodyBytesMax: 10 } })
  const text = await splitEverywhere(rig, `POST / HTTP/1.1\r\n${HOST}Content-Length: 11\r\n\r\n`)
  assertRefused(text, 413, 'request_body_too_large')
  assertRefused((await rig.exchange(`POST / HTTP/1.1\r\n${HOST}Content-Length: 11\r\n\r\nhello hello`)).text, 413, 'request_body_too_large')
  assert.equal(rig.upstream.peers.length, 0)
})

test('a body in chunks above the limit is 413, and the service sees no whole request', async (context) => {
  const rig = await startRig(context, { limits: { bodyBytesMax: 10 } })
  const whole: string[] = []
  rig.upstream.onConnection = async (peer) => {
    whole.push((await peer.readRequest()).body)
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }
  const head = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`
  assertRefused(await splitEverywhere(rig, `${head}6\r\nhello \r\n5\r\nhello\r\n0\r\n\r\n`), 413, 'request_body_too_large')
  assert.deepEqual(whole, [])
})

test('a body of exactly the limit passes', async (context) => {
  const rig = await startRig(context, { limits: { bodyBytesMax: 10 } })
  rig.upstream.onConnection = echo
  const head = `POST / HTTP/1.1\r\n${HOST}Connection: close\r\n`
  assert.match((await rig.exchange(`${head}Content-Length: 10\r\n\r\n0123456789`)).text, /^HTTP\/1.1 200 /)
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n`
  assert.match((await rig.exchange(chunked)).text, /^HTTP\/1.1 200 /)
})

test('a target above the limit is 414, also when it never ends; one of exactly the limit passes', async (context) => {
  const rig = await startRig(context, { limits: { uriBytesMax: 100 } })
  rig.upstream.onConnection = echo
  const over = `GET /${'a'.repeat(100)} HTTP/1.1\r\n${HOST}\r\n`
  assertRefused(await splitEverywhere(rig, over), 414, 'request_target_too_long')
  assertRefused((await rig.exchange(`GET /${'a'.repeat(40_000)}`)).text, 414, 'request_target_too_long')
  assert.equal(rig.upstream.peers.length, 0)
  assert.match((await rig.exchange(`GET /${'a'.repeat(99)} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)).text, /^HTTP\/1.1 200 /)
})

test('a head of more bytes than the limit is 431, also when it never ends; one of exactly the limit passes', async (context) => {
  const rig = await startRig(context, { limits: { headBytesMax: 1024 } })
  rig.upstream.onConnection = echo
  const padded = (bytes: number): string => {
    const rest = `GET / HTTP/1.1\r\n${HOST}Connection: close\r\nX: \r\n\r\n`
    return rest.replace('X: ', `X: ${'a'.repeat(bytes - rest.length)}`)
  }
  assertRefused(await splitEverywhere(rig, padded(1025)), 431, 'request_head_too_large')
  assertRefused((await rig.exchange(`GET / HTTP/1.1\r\nX: ${'a'.repeat(5_000)}`)).text, 431, 'request_head_too_large')
  assertRefused((await rig.exchange(`GET / HTTP/1.1\r\n${'X: 1\r\n'.repeat(500)}`)).text, 431, 'request_head_too_large')
  assert.equal(rig.upstream.peers.length, 0)
  assert.match(await splitEverywhere(rig, padded(1024)), /^HTTP\/1.1 200 /)
})

test('a head of more fields than the limit is 431; one of exactly the limit passes', async (context) => {
  const rig = await startRig(context, { limits: { headersMax: 10 } })
  rig.upstream.onConnection = echo
  const fields = (count: number): string => `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n${'X: 1\r\n'.repeat(count - 2)}\r\n`
  assertRefused(await splitEverywhere(rig, fields(11)), 431, 'request_head_too_large')
  assert.equal(rig.upstream.peers.length, 0)
  assert.match(await splitEverywhere(rig, fields(10)), /^HTTP\/1.1 200 /)
})

test('an expectation other than 100-continue is 417', async (context) => {
  const rig = await startRig(context)
  const text = await splitEverywhere(rig, `POST / HTTP/1.1\r\n${HOST}Expect: 200-ok\r\nContent-Length: 5\r\n\r\n`)
  assertRefused(text, 417, 'expectation_not_supported')
  assert.equal(rig.upstream.peers.length, 0)
})

test('a client that takes nothing of its response is cut off after the write timeout', async (context) => {
  const rig = await startRig(context, { limits: { writeIdleTimeout: 100 } })
  rig.upstream.onConnection = always(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * 2 ** 20}\r\n\r\n${'x'.repeat(32 * 2 ** 20)}`)
  const client = await rig.connect(true)
  client.write(`GET / HTTP/1.1\r\n${HOST}\r\n`)
  await rig.loggedCount(1)
  assert.equal(rig.logged[0]?.error, 'response_write_timeout')
  client.startReading()
  assert.equal(await client.ended(), 'reset')
  await eventually(() => rig.upstreamConnections() === 0, 'the try to be given up')
})

test('a service whose response head is too large is 502', async (context) => {
  const rig = await startRig(context, { service: { responseHeadBytesMax: 1024 } })
  rig.upstream.onConnection = always(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(2_000)}\r\nContent-Length: 0\r\n\r\n`)
  const { text } = await rig.exchange(`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)
  assert.match(text, /^HTTP\/1.1 502 /)
  assert.equal(fieldOf(text, 'turnpike-error'), 'upstream_head_too_large')
})
