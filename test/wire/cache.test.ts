/** The cache as clients and services see it, byte by byte. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, eventually, startRig } from './harness.ts'
import type { Peer } from './peer.ts'

const FRESH =
  'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Type: text/plain\r\nETag: "1"\r\nContent-Length: 10\r\n\r\n0123456789'
const NO_CACHE = FRESH.replace('max-age=60', 'no-cache')
const get = (fields = '', method = 'GET'): string => `${method} /a HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`
const route = { policies: { cache: {} } }

/** Counts the requests that a service gets, and answers each by what `answer` gives for its head. */
function counting(answer: (head: string, count: number) => string | null): {
  readonly heads: string[]
  readonly serve: (peer: Peer) => Promise<void>
} {
  const heads: string[] = []
  return {
    heads,
    async serve(peer) {
      for (;;) {
        const { head } = await peer.readRequest()
        heads.push(head)
        const text = answer(head, heads.length)
        if (text !== null) peer.write(text)
      }
    },
  }
}

test('a second request is answered from the cache, with the fields and the body of the first', async (t) => {
  const rig = await startRig(t, { route })
  const service = counting(() => FRESH)
  rig.upstream.onConnection = service.serve
  const first = await rig.exchange(get())
  assert.match(first.text, /\r\nCache-Status: turnpike; fwd=miss; stored\r\n/)
  const second = await rig.exchange(get())
  assert.match(second.text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(second.text, /\r\nETag: "1"\r\n/)
  assert.match(second.text, /\r\nAge: 0\r\n/)
  assert.match(second.text, /\r\nCache-Status: turnpike; hit; ttl=\d\d\r\n/)
  assert.match(second.text, /\r\nContent-Length: 10\r\n/)
  assert.match(second.text, /\r\n\r\n0123456789$/)
  const head = await rig.exchange(get('', 'HEAD'))
  assert.match(head.text, /\r\nContent-Length: 10\r\n[\s\S]*\r\n\r\n$/)
  assert.equal(service.heads.length, 1)
  assert.equal(rig.metric('gateway_cache_hit_total'), 2)
  assert.equal(rig.metric('gateway_cache_miss_total'), 1)
  assert.equal(rig.metric('gateway_cache_entries'), 1)
})

test('a hit is given many times on one connection, chunked responses too, and as one with a length', async (t) => {
  const rig = await startRig(t, { route })
  rig.upstream.onConnection = always(
    'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n',
  )
  const client = await rig.connect()
  for (let i = 0; i < 5; i++) {
    client.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
    const { head, body } = await client.readResponse()
    assert.equal(body, 'abcde')
    if (i > 0) assert.match(head, /\r\nContent-Length: 5\r\n/)
    if (i > 0) assert.doesNotMatch(head, /Transfer-Encoding/)
  }
  assert.equal(rig.metric('gateway_cache_hit_total'), 4)
})

test('a stored response is validated, and a 304 never reaches a client that did not ask for one', async (t) => {
  const rig = await startRig(t, { route })
  const service = counting((head) =>
    head.includes('If-None-Match: "1"')
      ? 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nCache-Control: no-cache\r\nX-New: 1\r\n\r\n'
      : NO_CACHE,
  )
  rig.upstream.onConnection = service.serve
  await rig.exchange(get())
  const second = await rig.exchange(get())
  assert.match(second.text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(second.text, /\r\nCache-Status: turnpike; fwd=stale; fwd-status=304; stored\r\n/)
  assert.match(second.text, /\r\nx-new: 1\r\n/i)
  assert.match(second.text, /\r\n\r\n0123456789$/)
  const third = await rig.exchange(get('If-None-Match: W/"1"\r\n'))
  assert.match(third.text, /^HTTP\/1\.1 304 Not Modified\r\n/)
  assert.doesNotMatch(third.text, /0123456789/)
  assert.equal(service.heads.length, 3)
  assert.equal(rig.metric('gateway_cache_revalidated_total'), 2)
})

test('parts are cut out of a stored response', async (t) => {
  const rig = await startRig(t, { route })
  rig.upstream.onConnection = always(FRESH)
  await rig.exchange(get())
  const part = await rig.exchange(get('Range: bytes=2-4\r\n'))
  assert.match(part.text, /^HTTP\/1\.1 206 Partial Content\r\n/)
  assert.match(part.text, /\r\nContent-Range: bytes 2-4\/10\r\n/)
  assert.match(part.text, /\r\nContent-Length: 3\r\n/)
  assert.match(part.text, /\r\n\r\n234$/)
  const beyond = await rig.exchange(get('Range: bytes=10-\r\n'))
  assert.match(beyond.text, /^HTTP\/1\.1 416 [\s\S]*Content-Range: bytes \*\/10\r\n/)
})

test('concurrent misses ask the service once', async (t) => {
  const rig = await startRig(t, { route })
  let answer = (): void => {}
  const service = counting(() => null)
  rig.upstream.onConnection = (peer) => {
    answer = () => peer.write(FRESH)
    return service.serve(peer)
  }
  const all = Promise.all(Array.from({ length: 20 }, () => rig.exchange(get())))
  await eventually(() => service.heads.length === 1, 'the one request')
  answer()
  for (const { text } of await all) assert.match(text, /\r\n\r\n0123456789$/)
  assert.equal(service.heads.length, 1)
  assert.equal(rig.metric('gateway_cache_hit_total'), 19)
})

test('when the answer is not one to share, those who wait go on at once and by themselves', async (t) => {
  const rig = await startRig(t, { route })
  const held: (() => void)[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      held.push(() => peer.write(FRESH.replace('max-age=60', 'no-store')))
    }
  }
  const all = Promise.all(Array.from({ length: 10 }, () => rig.exchange(get())))
  await eventually(() => held.length === 1, 'the first request')
  held[0]?.()
  await eventually(() => held.length === 10, 'all others at once')
  for (const release of held.slice(1)) release()
  for (const { text } of await all) assert.match(text, /\r\nCache-Status: turnpike; fwd=miss\r\n/)
  // The next ones do not wait either.
  const next = Promise.all(Array.from({ length: 3 }, () => rig.exchange(get())))
  await eventually(() => held.length === 13, 'three more at once')
  for (const release of held.slice(10)) release()
  await next
})

test('when the first client leaves, or its answer breaks off, the next one asks and nobody gets a part', async (t) => {
  const rig = await startRig(t, { route })
  let count = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      count++
      if (count === 2) {
        peer.write(FRESH.slice(0, -4))
        await eventually(() => rig.metric('gateway_cache_miss_total') >= 2, 'the head')
        peer.reset()
        return
      }
      if (count > 2) peer.write(FRESH)
    }
  }
  const first = await rig.connect()
  first.write(get())
  await eventually(() => count === 1, 'the first')
  const second = rig.exchange(get())
  const third = rig.exchange(get())
  first.socket.destroy()
  const texts = [(await second).text, (await third).text]
  assert.ok(texts.some((text) => text.endsWith('\r\n\r\n0123456789')))
  assert.equal(rig.metric('gateway_cache_stored_total'), 1)
})

test('a stale answer is given at once, and brought up to date without a client', async (t) => {
  const rig = await startRig(t, { route: { policies: { cache: { ttl: '1ms', staleWhileRevalidate: '1m' } } } })
  const service = counting((_head, count) => FRESH.replace('0123456789', `${count}`.padEnd(10)))
  rig.upstream.onConnection = service.serve
  await rig.exchange(get())
  await new Promise((resolve) => setTimeout(resolve, 5))
  const second = await rig.exchange(get())
  assert.match(second.text, /\r\n\r\n1 {9}$/)
  assert.match(second.text, /\r\nCache-Status: turnpike; hit; ttl=-1\r\n/)
  await eventually(() => rig.metric('gateway_cache_stored_total') === 2, 'the new response')
  assert.match((await rig.exchange(get())).text, /\r\n\r\n2 {9}$/)
})

test('a stale answer stands in for a service that fails, where that is allowed', async (t) => {
  const stale = FRESH.replace('max-age=60', 'max-age=0, stale-if-error=60')
  for (const failure of ['HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n', 'garbage\r\n\r\n']) {
    const rig = await startRig(t, { route })
    rig.upstream.onConnection = counting((_head, count) => (count === 1 ? stale : failure)).serve
    await rig.exchange(get())
    const { text } = await rig.exchange(get())
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(text, /\r\nCache-Status: turnpike; hit; ttl=-?\d+\r\n/)
    assert.match(text, /\r\n\r\n0123456789$/)
  }
})

test('RFC 9111, 4.4: an unsafe method that succeeds forgets what is stored of its URI, and one that fails does not', async (t) => {
  const rig = await startRig(t, { route })
  let status = 500
  const service = counting((head) => (head.startsWith('POST') ? `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n` : FRESH))
  rig.upstream.onConnection = service.serve
  const isHit = async (): Promise<boolean> => (await rig.exchange(get())).text.includes('; hit;')
  const post = (): Promise<unknown> => rig.exchange('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  await rig.exchange(get())
  await post()
  assert.equal(await isHit(), true)
  status = 204
  await post()
  assert.equal(await isHit(), false)
})

test('who may not come here gets no hit', async (t) => {
  const rig = await startRig(t, {
    consumers: { app: { keys: ['key-of-the-app-0123456789'] } },
    route: { policies: { 'api-key': {}, cache: { shareAuthenticated: true } } },
  })
  rig.upstream.onConnection = always(FRESH)
  const key = 'X-API-Key: key-of-the-app-0123456789\r\n'
  await rig.exchange(get(key))
  assert.match((await rig.exchange(get(key))).text, /; hit;/)
  const { text } = await rig.exchange(get())
  assert.match(text, /^HTTP\/1\.1 401 /)
  assert.doesNotMatch(text, /0123456789$/)
})

test('only-if-cached is 504 with its own code where nothing is stored', async (t) => {
  const rig = await startRig(t, { route })
  const { text } = await rig.exchange(get('Cache-Control: only-if-cached\r\n'))
  assert.match(text, /^HTTP\/1\.1 504 /)
  assert.match(text, /\r\nTurnpike-Error: cache_only\r\n/)
})

const CHUNKED = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n'

for (const [form, response] of [
  ['a length', FRESH],
  ['chunks', CHUNKED],
] as const) {
  for (const end of ['reset', 'finish'] as const) {
    test(`a response with ${form} that ends too early (${end}), at any byte, is never given to the next client`, async (t) => {
      const rig = await startRig(t, { route: { ...route, retry: { attempts: 1 } } })
      const isCut = new Set<string>()
      rig.upstream.onConnection = async (peer) => {
        for (;;) {
          const { head } = await peer.readRequest()
          const path = head.split(' ')[1] ?? ''
          if (isCut.has(path)) {
            peer.write(response)
            continue
          }
          isCut.add(path)
          const part = response.slice(0, Number(path.slice(1)))
          if (end === 'finish') return peer.finish(part)
          peer.write(part)
          await new Promise(setImmediate)
          return peer.reset()
        }
      }
      const ask = (offset: number): Promise<{ readonly text: string }> =>
        rig.exchange(`GET /${offset} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      for (let offset = 0; offset < response.length; offset++) {
        // What a used connection loses before any byte of it is asked for once more; all else breaks off here.
        await ask(offset)
        const second = await ask(offset)
        assert.match(second.text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*0123(\r\n6\r\n)?456789(\r\n0\r\n\r\n)?$/, `${offset}`)
        const third = await ask(offset)
        assert.match(third.text, /; hit; ttl=\d+\r\n[\s\S]*\r\n\r\n0123456789$/, `${offset}`)
      }
    })
  }
}

test('a client that leaves within its answer, at any byte, leaves the right answer or none for the next one', async (t) => {
  const rig = await startRig(t, { route })
  rig.upstream.onConnection = always(FRESH)
  for (let offset = 0; offset < 300; offset += 7) {
    const client = await rig.connect()
    client.write(`GET /${offset} HTTP/1.1\r\nHost: a\r\n\r\n`)
    if (offset > 0) await client.readBytes(Math.min(offset, 200))
    client.socket.destroy()
    const { text } = await rig.exchange(`GET /${offset} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n0123456789$/)
  }
})

test('a stale answer stands in where the route says so, and is marked', async (t) => {
  const rig = await startRig(t, { route: { policies: { cache: { ttl: '1ms' } }, fallback: { stale: true } } })
  rig.upstream.onConnection = counting((_head, count) => (count === 1 ? FRESH : 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')).serve
  await rig.exchange(get())
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { text } = await rig.exchange(get())
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(text, /\r\nTurnpike-Fallback: stale\r\n/)
  assert.match(text, /\r\n\r\n0123456789$/)
})
