/** What gRPC adds to HTTP, byte by byte. Both sides are HTTP/1.1: the client's speaks gRPC-Web, and services give their trailers in chunks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, type Rig, type RigOptions, startRig } from './harness.ts'
import { fieldOf, type Message, type Peer } from './peer.ts'

const MESSAGE = '\0\0\0\0\x03abc'
const TRAILERS_ONLY = 'HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n'

interface CallShape {
  readonly type?: string
  readonly fields?: string
  readonly body?: string
}

function call({ type = 'application/grpc-web+proto', fields = '', body = MESSAGE }: CallShape = {}): string {
  return `POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** A response with a message, and the status in the trailers. */
function reply(status: number, message = MESSAGE): string {
  const size = message.length.toString(16)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/grpc+proto\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n${message}\r\n0\r\nGrpc-Status: ${status}\r\nX-T: 1\r\n\r\n`
}

/** A response that is a status alone. */
function statusAlone(status: number, fields = ''): string {
  return `${TRAILERS_ONLY}grpc-status: ${status}\r\n${fields}\r\n`
}

/** Answers each request with the next of these, the last one again and again. */
function inTurn(...responses: readonly string[]): (peer: Peer) => Promise<void> {
  let served = 0
  return async (peer) => {
    for (;;) {
      await peer.readRequest()
      peer.write(responses[Math.min(served++, responses.length - 1)] ?? '')
    }
  }
}

async function ask(rig: Rig, request: string): Promise<Message> {
  const client = await rig.connect()
  client.write(request)
  return client.readResponse()
}

/** The trailers that a gRPC-Web body ends with. */
function framed(body: string): string {
  const at = body.indexOf('\x80')
  assert.notEqual(at, -1, 'no frame of trailers')
  assert.equal(Buffer.from(body, 'latin1').readUInt32BE(at + 1), body.length - at - 5)
  return body.slice(at + 5)
}

const WEB: RigOptions = { route: { policies: { 'grpc-web': {} } } }

test('a call in binary reaches the service as gRPC, and its trailers come in the body', async (t) => {
  const rig = await startRig(t, WEB)
  const client = await rig.connect()
  client.write(call({ fields: 'X-Grpc-Web: 1\r\n' }))
  const service = await rig.upstream.accept()
  const { head, body } = await service.readRequest()
  assert.equal(fieldOf(head, 'content-type'), 'application/grpc+proto')
  assert.equal(fieldOf(head, 'x-grpc-web'), undefined)
  assert.equal(body, MESSAGE)
  service.write(reply(0))
  const answer = await client.readResponse()
  assert.match(answer.head, /^HTTP\/1.1 200 /)
  assert.equal(fieldOf(answer.head, 'content-type'), 'application/grpc-web+proto')
  assert.equal(answer.body.slice(0, MESSAGE.length), MESSAGE)
  assert.equal(framed(answer.body), 'grpc-status: 0\r\nx-t: 1\r\n')
  assert.equal(answer.trailers, '')
  assert.equal(rig.metric('gateway_grpc_responses_total', { path: '/*', service: 'main', grpc_status: 'OK' }), 1)
})

test('a call in text is decoded wherever its pieces are cut, and answered in text', async (t) => {
  const rig = await startRig(t, WEB)
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest()
      assert.equal(fieldOf(head, 'content-length'), undefined)
      peer.write(reply(0, body))
    }
  }
  const text = Buffer.from(MESSAGE.slice(0, 4), 'latin1').toString('base64') + Buffer.from(MESSAGE.slice(4), 'latin1').toString('base64')
  for (let cut = 1; cut < text.length; cut++) {
    const client = await rig.connect()
    const request = call({ type: 'application/grpc-web-text', body: text })
    client.write(request.slice(0, request.length - text.length + cut))
    await eventually(() => client.socket.bytesWritten > 0, 'the first part')
    client.write(request.slice(request.length - text.length + cut))
    const { head, body } = await client.readResponse()
    assert.equal(fieldOf(head, 'content-type'), 'application/grpc-web-text+proto')
    const pieces = body.match(/.{4}/g) ?? []
    const decoded = pieces.map((piece) => Buffer.from(piece, 'base64').toString('latin1')).join('')
    assert.equal(decoded.slice(0, MESSAGE.length), MESSAGE)
    assert.match(framed(decoded), /^grpc-status: 0\r\n/)
    client.socket.destroy()
  }
})

test('messages of a stream reach the page as they come', async (t) => {
  const rig = await startRig(t, WEB)
  const client = await rig.connect()
  client.write(call({ type: 'application/grpc-web-text', body: Buffer.from(MESSAGE, 'latin1').toString('base64') }))
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n')
  for (const letter of ['a', 'b']) {
    service.write(`6\r\n\0\0\0\0\x01${letter}\r\n`)
    assert.match(await client.readThrough(`${Buffer.from(`\0\0\0\0\x01${letter}`, 'latin1').toString('base64')}\r\n`), /^(?:8\r\n|HTTP)/)
  }
})

test('a text that is not base64 is INVALID_ARGUMENT, and the service sees no whole request', async (t) => {
  const rig = await startRig(t, WEB)
  const { head, body } = await ask(rig, call({ type: 'application/grpc-web-text', body: 'AAAA!' }))
  assert.match(head, /\r\nTurnpike-Error: request_body_invalid\r\n/)
  assert.match(framed(Buffer.from(body, 'base64').toString('latin1')), /^grpc-status: 3\r\n/)
  const service = await rig.upstream.accept()
  await service.ended()
  assert.doesNotMatch(service.unread, /\r\n0\r\n\r\n/)
})

test('a status alone comes in the body too', async (t) => {
  const rig = await startRig(t, WEB)
  rig.upstream.onConnection = inTurn(statusAlone(5, 'grpc-message: none\r\n'))
  const { head, body } = await ask(rig, call())
  assert.equal(fieldOf(head, 'grpc-status'), undefined)
  assert.equal(framed(body), 'grpc-status: 5\r\ngrpc-message: none\r\n')
  assert.equal(rig.metric('gateway_grpc_responses_total', { grpc_status: 'NOT_FOUND' }), 1)
})

test('the gateway refuses as gRPC-Web does, with or without the policy', async (t) => {
  const rig = await startRig(t, { route: { policies: { 'rate-limit': { rate: 1, per: 'hour', by: 'ip' } } } })
  rig.upstream.onConnection = inTurn(reply(0))
  await ask(rig, call())
  const { head, body } = await ask(rig, call())
  assert.match(head, /^HTTP\/1.1 200 /)
  assert.match(framed(body), /^grpc-status: 8\r\ngrpc-message: Rate limit exceeded \(rate_limited\)\r\ngrpc-retry-pushback-ms: \d+000\r\n/)
  assert.match(head, /\r\nX-RateLimit-[^\r]*\r\n/)
  const plain = await ask(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  assert.match(plain.head, /^HTTP\/1.1 429 /)
})

test('in shadow nothing is translated', async (t) => {
  const rig = await startRig(t, { route: { policies: { 'grpc-web': { mode: 'shadow' } } } })
  const client = await rig.connect()
  client.write(call({ type: 'application/grpc-web-text', body: 'AAAAAAA=' }))
  const service = await rig.upstream.accept()
  const { head, body } = await service.readRequest()
  assert.equal(fieldOf(head, 'content-type'), 'application/grpc-web-text')
  assert.equal(body, 'AAAAAAA=')
  service.write(reply(0))
  assert.equal(fieldOf((await client.readResponse()).head, 'content-type'), 'application/grpc+proto')
})

// --- deadlines

test('the service is told what is left of the time, and a call that takes longer is DEADLINE_EXCEEDED', async (t) => {
  const rig = await startRig(t, { ...WEB, service: { breaker: { failures: 1 } } })
  const client = await rig.connect()
  client.write(call({ fields: 'grpc-timeout: 60m\r\n' }))
  const service = await rig.upstream.accept()
  const { head } = await service.readRequest()
  const [, left = ''] = /^(\d+)u$/.exec(fieldOf(head, 'grpc-timeout') ?? '') ?? []
  assert.ok(Number(left) > 0 && Number(left) <= 60_000, left)
  assert.match(framed((await client.readResponse()).body), /^grpc-status: 4\r\n/)
  await service.ended()
  await rig.loggedCount(1)
  assert.equal(rig.logged[0]?.error, 'deadline_exceeded')
  assert.equal(rig.metric('gateway_breaker_transitions_total', { to: 'open' }), 0, 'a time that a client sets says nothing of the service')
})

test('a stream that lasts longer than its deadline is broken off on both sides', async (t) => {
  const rig = await startRig(t, WEB)
  const client = await rig.connect()
  client.write(call({ fields: 'grpc-timeout: 60m\r\n' }))
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n\0\0\0\0\x03abc\r\n')
  const { text, ending } = await client.readAll()
  assert.match(text, /abc/)
  assert.equal(ending, 'reset')
  await service.ended()
  await rig.loggedCount(1)
  assert.equal(rig.logged[0]?.error, 'deadline_exceeded')
  assert.equal(rig.metric('gateway_grpc_responses_total', { grpc_status: 'DEADLINE_EXCEEDED' }), 1)
})

test('a deadline that is over, or none, reaches no service', async (t) => {
  const rig = await startRig(t, WEB)
  for (const [timeout, status] of [
    ['0m', 4],
    ['5', 3],
    ['1.5S', 3],
    ['999999999m', 3],
  ] as const) {
    const { body } = await ask(rig, call({ fields: `grpc-timeout: ${timeout}\r\n` }))
    assert.match(framed(body), new RegExp(`^grpc-status: ${status}\r\n`), timeout)
  }
  assert.equal(rig.upstream.peers.length, 0)
})

test('what is no call has no deadline', async (t) => {
  const rig = await startRig(t, WEB)
  rig.upstream.onConnection = async (peer) => {
    const { head } = await peer.readRequest()
    const timeout = fieldOf(head, 'grpc-timeout') ?? ''
    peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${timeout.length}\r\n\r\n${timeout}`)
  }
  const { body } = await ask(rig, 'GET / HTTP/1.1\r\nHost: a\r\ngrpc-timeout: never\r\n\r\n')
  assert.equal(body, 'never')
})

// --- tries

const RETRY = { attempts: 3, backoffBase: 1, grpcStatuses: ['UNAVAILABLE' as const] }

test('a call that a service answers with a listed status alone is made again, with its body', async (t) => {
  const rig = await startRig(t, { route: { ...WEB.route, retry: RETRY } })
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      bodies.push((await peer.readRequest()).body)
      peer.write(bodies.length < 3 ? statusAlone(14) : reply(0))
    }
  }
  const { body } = await ask(rig, call())
  assert.match(framed(body), /^grpc-status: 0\r\n/)
  assert.deepEqual(bodies, [MESSAGE, MESSAGE, MESSAGE])
  assert.equal(rig.metric('gateway_upstream_retries_total'), 2)
})

test('a call in text is made again with what was decoded', async (t) => {
  const rig = await startRig(t, { route: { ...WEB.route, retry: RETRY } })
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      bodies.push((await peer.readRequest()).body)
      peer.write(bodies.length < 2 ? statusAlone(14) : reply(0))
    }
  }
  await ask(rig, call({ type: 'application/grpc-web-text', body: Buffer.from(MESSAGE, 'latin1').toString('base64') }))
  assert.deepEqual(bodies, [MESSAGE, MESSAGE])
})

const NOT_REPEATED: readonly (readonly [name: string, response: string, status: number])[] = [
  ['a status that is not listed', statusAlone(13), 13],
  ['a status behind a message', reply(14), 14],
  ['a status that the service wants not repeated', statusAlone(14, 'grpc-retry-pushback-ms: -1\r\n'), 14],
  ['a status with a malformed wait', statusAlone(14, 'grpc-retry-pushback-ms: soon\r\n'), 14],
  ['a status with a longer wait than the route has', statusAlone(14, 'grpc-retry-pushback-ms: 1001\r\n'), 14],
]
for (const [name, response, status] of NOT_REPEATED) {
  test(`${name} is passed on`, async (t) => {
    const rig = await startRig(t, { route: { ...WEB.route, retry: RETRY } })
    rig.upstream.onConnection = inTurn(response, reply(0))
    const { body } = await ask(rig, call())
    assert.match(framed(body), new RegExp(`^grpc-status: ${status}\r\n`))
    assert.equal(rig.metric('gateway_upstream_retries_total'), 0)
  })
}

test('a service may ask for a wait, unless the deadline comes before its end', async (t) => {
  const rig = await startRig(t, { route: { ...WEB.route, retry: RETRY } })
  rig.upstream.onConnection = inTurn(
    statusAlone(14, 'grpc-retry-pushback-ms: 80\r\n'),
    reply(0),
    statusAlone(14, 'grpc-retry-pushback-ms: 900\r\n'),
  )
  assert.match(framed((await ask(rig, call())).body), /^grpc-status: 0\r\n/)
  const { body } = await ask(rig, call({ fields: 'grpc-timeout: 500m\r\n' }))
  assert.match(framed(body), /^grpc-status: 14\r\ngrpc-retry-pushback-ms: 900\r\n/)
})

test('a call that is too large to keep is not made again', async (t) => {
  const rig = await startRig(t, { route: { ...WEB.route, retry: { ...RETRY, bodyMax: 4 } } })
  rig.upstream.onConnection = inTurn(statusAlone(14), reply(0))
  assert.match(framed((await ask(rig, call())).body), /^grpc-status: 14\r\n/)
})

test('what is no gRPC is not made again by a status of gRPC', async (t) => {
  const rig = await startRig(t, { route: { retry: RETRY } })
  rig.upstream.onConnection = inTurn(statusAlone(14), reply(0))
  const { head } = await ask(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}')
  assert.equal(fieldOf(head, 'grpc-status'), '14')
})

// --- breakers

test('a status counts for the breaker as the HTTP status that it stands for, in trailers as in a head', async (t) => {
  for (const response of [reply(14), statusAlone(14)]) {
    const rig = await startRig(t, { ...WEB, service: { breaker: { failures: 2 } } })
    rig.upstream.onConnection = inTurn(response)
    for (let i = 0; i < 2; i++) assert.match(framed((await ask(rig, call())).body), /^grpc-status: 14\r\n/)
    const { head, body } = await ask(rig, call())
    assert.equal(fieldOf(head, 'turnpike-error'), 'circuit_open')
    assert.match(framed(body), /^grpc-status: 14\r\ngrpc-message: .*\r\ngrpc-retry-pushback-ms: 30000\r\n/)
  }
})

test('a status that is the client’s own fault opens no breaker', async (t) => {
  const rig = await startRig(t, { ...WEB, service: { breaker: { failures: 1 } } })
  // NOT_FOUND, INVALID_ARGUMENT, UNIMPLEMENTED
  rig.upstream.onConnection = inTurn(reply(5), statusAlone(3), statusAlone(12), reply(0))
  for (const status of [5, 3, 12, 0]) assert.match(framed((await ask(rig, call())).body), new RegExp(`^grpc-status: ${status}\r\n`))
})

test('a stream that goes on counts as a success before it ends', async (t) => {
  const rig = await startRig(t, { ...WEB, service: { breaker: { failures: 1, recovery: 100, successes: 1 } } })
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write(statusAlone(14))
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n\0\0\0\0\x03abc\r\n')
  }
  await ask(rig, call())
  await eventually(() => rig.metric('gateway_breaker_transitions_total', { to: 'open' }) === 1, 'the breaker to open')
  for (let head = 'Turnpike-Error'; head.includes('Turnpike-Error'); ) {
    const client = await rig.connect()
    client.write(call())
    head = await client.readHead()
  }
  await eventually(() => rig.metric('gateway_breaker_transitions_total', { to: 'closed' }) === 1, 'the breaker to close')
})
