/** Policies that look at whole response bodies, over real sockets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FilterOutput } from '../../src/core/body-filter.ts'
import type { PolicyDefinition, PolicySteps, ResponseBodyStep } from '../../src/core/policy.ts'
import { refuse } from '../../src/core/reply.ts'
import { object } from '../../src/core/schema.ts'
import { always, eventually, startRig } from './harness.ts'

function bodyPolicy(part: Partial<ResponseBodyStep>, rest: PolicySteps = {}): PolicyDefinition<unknown> {
  const step: ResponseBodyStep = {
    bytesMax: 16,
    wanted: () => true,
    tooLarge: () => undefined,
    run: (_exchange, body) => Buffer.from(`<${body.toString()}>`),
    ...part,
  }
  return {
    kind: 'bodies',
    summary: 'For tests.',
    loadSchema: async () => object({}),
    compile: () => ({ ...rest, responseBody: step }),
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const framings: readonly (readonly [string, string])[] = [
  ['a stated length', 'Content-Length: 5\r\n\r\nhello'],
  ['chunks and trailers', 'Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n'],
  ['the end of the connection', 'Connection: close\r\n\r\nhello'],
]

for (const [name, rest] of framings) {
  test(`a body framed by ${name} is given whole, and what comes back is framed by its length`, async (t) => {
    const rig = await startRig(t, { policy: bodyPolicy({}) })
    rig.upstream.onConnection = async (peer) => {
      for (;;) {
        await peer.readRequest()
        for (const byte of `HTTP/1.1 200 OK\r\n${rest}`) {
          peer.write(byte)
          await eventually(() => true, 'a turn')
        }
        if (rest.includes('close')) peer.finish()
      }
    }
    const client = await rig.connect()
    for (let i = 0; i < 2; i++) {
      client.write(GET)
      const { head, body } = await client.readResponse()
      assert.equal(body, '<hello>')
      assert.match(head, /\r\nContent-Length: 7\r\n/)
      assert.doesNotMatch(head, /Transfer-Encoding|Content-Length: 5|Trailer/)
    }
  })
}

for (const large of [
  'Content-Length: 20\r\n\r\n01234567890123456789',
  'Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n',
]) {
  test(`a body that is too large (${large.slice(0, large.indexOf(':'))}) passes as it is, or is refused`, async (t) => {
    const passing = await startRig(t, { policy: bodyPolicy({}) })
    passing.upstream.onConnection = always(`HTTP/1.1 200 OK\r\n${large}`)
    const client = await passing.connect()
    for (let i = 0; i < 3; i++) {
      client.write(GET)
      assert.equal((await client.readResponse()).body, '01234567890123456789')
    }
    const refusing = await startRig(t, { policy: bodyPolicy({ tooLarge: () => refuse('upstream_body_too_large') }) })
    refusing.upstream.onConnection = always(`HTTP/1.1 200 OK\r\n${large}`)
    const other = await refusing.connect()
    for (let i = 0; i < 3; i++) {
      other.write(GET)
      const { head, body } = await other.readResponse()
      assert.match(head, /^HTTP\/1.1 502 /)
      assert.match(body, /upstream_body_too_large/)
    }
  })
}

test('answers without a body are not looked at', async (t) => {
  const rig = await startRig(t, { policy: bodyPolicy({}) })
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest()
      peer.write(head.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' : 'HTTP/1.1 204 No Content\r\n\r\n')
    }
  }
  const client = await rig.connect()
  client.write('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match((await client.readResponse(true)).head, /\r\nContent-Length: 5\r\n/)
  client.write(GET)
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 204 /)
})

test('a service that dies in a body that is gathered is a clean 502, or what the route falls back to', async (t) => {
  const dying = async (peer: { readRequest(): Promise<unknown>; write(text: string): void; reset(): void }): Promise<void> => {
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
    await new Promise((resolve) => setTimeout(resolve, 20))
    peer.reset()
  }
  const rig = await startRig(t, { policy: bodyPolicy({}) })
  rig.upstream.onConnection = dying
  const client = await rig.connect()
  client.write(GET)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 502 /)
  assert.match(body, /upstream_body_aborted/)
  const falling = await startRig(t, { policy: bodyPolicy({}), route: { fallback: { response: { body: '{}', status: 200 } } } })
  falling.upstream.onConnection = dying
  const other = await falling.connect()
  other.write(GET)
  assert.equal((await other.readResponse()).body, '{}')
})

test('the timeout of the route bounds the body that is gathered too', async (t) => {
  const rig = await startRig(t, { policy: bodyPolicy({}), route: { timeout: '150ms' } })
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
  }
  const client = await rig.connect()
  client.write(GET)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 504 /)
  assert.match(body, /upstream_timeout/)
})

test('a service that dies while a step is at its head leaves a refusal, once the step has ended', async (t) => {
  const idle = (): void => {}
  let letGo = idle
  const waiting: PolicySteps = {
    onUpstreamResponse: () =>
      new Promise((resolve) => {
        letGo = () => resolve(undefined)
      }),
  }
  const rig = await startRig(t, { policy: bodyPolicy({}, waiting) })
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  await service.readHead()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
  await eventually(() => letGo !== idle, 'the step to wait')
  service.reset()
  letGo()
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 502 /)
})

test('a pipelined request behind a gathered response is answered in order', async (t) => {
  const rig = await startRig(t, { policy: bodyPolicy({}) })
  rig.upstream.onConnection = always('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
  const client = await rig.connect()
  client.write(GET.repeat(5))
  for (let i = 0; i < 5; i++) assert.equal((await client.readResponse()).body, '<hello>')
})

test('a body that came whole while a step was at its head, and is too large, passes as it is', async (t) => {
  const idle = (): void => {}
  let letGo = idle
  const waiting: PolicySteps = {
    onUpstreamResponse: () =>
      new Promise((resolve) => {
        letGo = () => resolve(undefined)
      }),
  }
  const rig = await startRig(t, { policy: bodyPolicy({}, waiting) })
  rig.upstream.onConnection = always('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n')
  const client = await rig.connect()
  client.write(GET)
  await eventually(() => letGo !== idle, 'the step to wait')
  letGo()
  assert.equal((await client.readResponse()).body, '01234567890123456789')
})

test('a body of which too much came while a step was at its head passes as it is, also when only its end is still to come', async (t) => {
  const idle = (): void => {}
  let letGo = idle
  const waiting: PolicySteps = {
    onUpstreamResponse: () =>
      new Promise((resolve) => {
        letGo = () => resolve(undefined)
      }),
  }
  const rig = await startRig(t, { policy: bodyPolicy({}, waiting) })
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n')
  await eventually(() => letGo !== idle, 'the step to wait')
  letGo()
  service.write('0\r\n\r\n')
  assert.equal((await client.readResponse()).body, '01234567890123456789')
})

test('a client whose own body breaks while a response is gathered is told so: no other service is asked with half of a request', async (t) => {
  const rig = await startRig(t, {
    policy: bodyPolicy({}),
    route: { fallback: { service: 'backup', response: { status: 200 } } },
  })
  const client = await rig.connect()
  client.write('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
  const service = await rig.upstream.accept()
  await service.readThrough('hello\r\n')
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
  await eventually(() => rig.metric('gateway_upstream_status_total', { status: '200' }) === 1, 'the head to be read')
  client.write('not a chunk\r\n')
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 400 /)
  assert.doesNotMatch(head, /Turnpike-Fallback/)
  assert.equal(rig.backup.peers.length, 0)
})

test('a step that ends after its client has left touches no response of another client', async (t) => {
  const letGo: (() => void)[] = []
  const run: ResponseBodyStep['run'] = (exchange, body) =>
    new Promise((resolve) => {
      letGo.push(() => {
        exchange.response.headers.set('X-Seen', body.toString())
        resolve(undefined)
      })
    })
  const rig = await startRig(t, { policy: bodyPolicy({ run }) })
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest()
      const name = /^GET \/(\w+)/.exec(head)?.[1] ?? ''
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
    }
  }
  const leaving = await rig.connect()
  leaving.write(GET.replace('/', '/first'))
  await eventually(() => letGo.length === 1, 'the first step to wait')
  leaving.reset()
  await rig.loggedCount(1)
  const staying = await rig.connect()
  staying.write(GET.replace('/', '/second'))
  await eventually(() => letGo.length === 2, 'the second step to wait')
  for (const go of letGo.reverse()) go()
  const { head, body } = await staying.readResponse()
  assert.equal(body, 'second')
  assert.match(head, /\r\nX-Seen: second\r\n/)
})

for (const [at, waits] of [
  ['data', false],
  ['data', true],
  ['end', false],
  ['end', true],
] as const) {
  test(`what a filter still gives of a body that was refused as too large (at its ${at}${waits ? ', while a step waits' : ''}) follows no answer`, async (t) => {
    const give = (output: FilterOutput): void => {
      for (let i = 0; i < 4; i++) output.data(Buffer.from('ten bytes!'))
    }
    const policy = bodyPolicy(
      { tooLarge: () => refuse('upstream_body_too_large') },
      {
        onUpstreamResponse: (exchange) => {
          exchange.responseFilter = {
            onData: (_bytes, _start, _end, output) => at === 'data' && give(output),
            onEnd: (_trailers, output) => {
              if (at === 'end') give(output)
              return null
            },
          }
          return undefined
        },
        onResponse: () => (waits ? Promise.resolve(undefined) : undefined),
      },
    )
    const rig = await startRig(t, { policy })
    rig.upstream.onConnection = always('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
    const { text } = await rig.exchange(`${GET}${GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`)
    assert.equal(text.match(/HTTP\/1.1 502 /g)?.length, 2)
    assert.doesNotMatch(text, /ten bytes!/)
    assert.match(text, /\}\nHTTP\/1\.1 502 .*\}\n$/s)
  })
}

test('a filter for a response that broke off is not used for that of the service behind it', async (t) => {
  const policy = bodyPolicy(
    { bytesMax: 100, run: () => undefined },
    {
      onUpstreamResponse: (exchange) => {
        if (!exchange.response.headers.has('X-Filter')) return undefined
        exchange.responseFilter = {
          onData: (_bytes, _start, _end, output) => output.data(Buffer.from('filtered')),
          onEnd: () => null,
        }
        return undefined
      },
    },
  )
  const rig = await startRig(t, { policy, route: { fallback: { service: 'backup' } } })
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Filter: 1\r\n\r\nhello')
    peer.finish()
  }
  rig.backup.onConnection = always('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain')
  const client = await rig.connect()
  client.write(GET)
  assert.equal((await client.readResponse()).body, 'plain')
})
