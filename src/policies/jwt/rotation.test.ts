/** Keys from a JWKS URL: a real server, and time that the tests move. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { exportJWK, type JWK } from 'jose'
import type { CompileContext } from '../../core/policy.ts'
import { httpClient } from '../../runtime/http-client.ts'
import { contextWith, exchangeOf, onRequest } from '../testing.ts'
import { bearing, compileJwt, outcomeOf, type Pair, pairOf, SECRET, secretBytes, TestTime, tokenOf, verdictOf } from './tokens.fixture.ts'

const pairs = new Map<string, Pair>()
for (const kid of ['a', 'b', 'c']) pairs.set(kid, await pairOf('ES256'))

function pair(kid: string): Pair {
  const found = pairs.get(kid)
  assert.ok(found)
  return found
}

async function jwk(kid: string, more: object = {}): Promise<JWK> {
  return { ...(await exportJWK(pair(kid).publicKey)), kid, ...more }
}

async function signedBy(kid: string, header: object = { kid }): Promise<string> {
  return tokenOf({ algorithm: 'ES256', key: pair(kid).privateKey, header: { ...header }, claims: { exp: 2_000_000_000 } })
}

/** An endpoint that a test changes, a policy's surroundings, and what was counted. */
class Endpoint {
  readonly time = new TestTime()
  body = ''
  status = 200
  headers: Record<string, string> = {}
  requests = 0
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve()
  readonly counts = new Map<string, number>()
  readonly warnings: string[] = []
  url = ''
  readonly context: CompileContext

  constructor() {
    this.context = contextWith({
      clock: this.time.clock,
      http: httpClient,
      log: { info: () => undefined, warn: (_fields, message) => this.warnings.push(message), error: () => undefined },
      metrics: {
        counter: (_name, _help, { result = '' }) => ({ add: (by) => this.counts.set(result, (this.counts.get(result) ?? 0) + by) }),
        gauge: () => ({ set: () => undefined, add: () => undefined }),
        histogram: () => ({ observe: () => undefined }),
      },
    })
  }

  async publish(...kids: string[]): Promise<void> {
    this.body = JSON.stringify({ keys: await Promise.all(kids.map((kid) => jwk(kid))) })
  }

  /** Waits until this many fetches have ended. */
  async fetched(count: number): Promise<void> {
    const ended = () => [...this.counts.values()].reduce((sum, one) => sum + one, 0)
    for (let polls = 0; ended() < count; polls++) {
      assert.ok(polls < 2_000, `${ended()} of ${count} fetches ended`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await new Promise(setImmediate)
    assert.equal(ended(), count)
  }

  async policy(options: object = {}) {
    return compileJwt({ jwksUrl: this.url, algorithm: 'ES256', ...options }, this.context)
  }
}

async function endpointFor(context: TestContext, ...kids: string[]): Promise<Endpoint> {
  const endpoint = new Endpoint()
  const server = createServer((_request, response) => {
    endpoint.requests++
    void endpoint.gate.then(() => response.writeHead(endpoint.status, endpoint.headers).end(endpoint.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  endpoint.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  await endpoint.publish(...kids)
  return endpoint
}

function closedGate(): { readonly gate: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { gate: promise, open: resolve }
}

test('keys are fetched when the policy is made, once for all tokens and places', async (context) => {
  const endpoint = await endpointFor(context, 'a', 'b')
  const steps = await endpoint.policy()
  await endpoint.fetched(1)
  const elsewhere = await endpoint.policy({ audience: 'me' })
  for (const kid of ['a', 'b', 'a']) assert.equal(await outcomeOf(steps, await signedBy(kid)), 'passed')
  assert.equal(await outcomeOf(elsewhere, await signedBy('a')), 'token_invalid')
  assert.equal(endpoint.requests, 1)
})

test('tokens that come before the first answer wait for it', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const { gate, open } = closedGate()
  endpoint.gate = gate
  const steps = await endpoint.policy()
  const outcomes = [outcomeOf(steps, await signedBy('a')), outcomeOf(steps, await signedBy('a')), outcomeOf(steps, await signedBy('b'))]
  open()
  assert.deepEqual(await Promise.all(outcomes), ['passed', 'passed', 'token_invalid'])
  assert.equal(endpoint.requests, 1)
})

test('keys are fetched again ahead of their time while known tokens pass at once', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy({ jwksTtl: '100s' })
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'passed')
  endpoint.time.pass(79.9)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  assert.equal(endpoint.requests, 1)
  endpoint.time.pass(0.1)
  const { gate, open } = closedGate()
  endpoint.gate = gate
  for (let i = 0; i < 5; i++) assert.equal(onRequest(steps, bearing(token)), undefined)
  open()
  await endpoint.fetched(2)
  assert.equal(endpoint.requests, 2)
  // The keys are the same, so the token is still known.
  assert.equal(onRequest(steps, bearing(token)), undefined)
})

test('max-age of the answer shortens the time, but not below the least gap', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  endpoint.headers = { 'cache-control': 'public, max-age=50' }
  const steps = await endpoint.policy({ jwksTtl: '1h' })
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'passed')
  endpoint.headers = { 'cache-control': 'max-age=0' }
  endpoint.time.pass(39)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  assert.equal(endpoint.requests, 1)
  endpoint.time.pass(1)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  await endpoint.fetched(2)
  endpoint.time.pass(23)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  assert.equal(endpoint.requests, 2)
  endpoint.time.pass(1)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  await endpoint.fetched(3)
})

test('keys that nobody asked for until they were too old are fetched before a token is believed', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy()
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'passed')
  await endpoint.publish('b')
  endpoint.time.pass(86_400)
  assert.equal(await outcomeOf(steps, token), 'token_invalid')
  assert.equal(endpoint.requests, 2)
})

test('an unknown kid has the keys fetched, once for all who ask, and not again within the gap', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy()
  assert.equal(await outcomeOf(steps, await signedBy('a')), 'passed')
  await endpoint.publish('a', 'b')
  assert.equal(await outcomeOf(steps, await signedBy('b')), 'token_invalid')
  assert.equal(endpoint.requests, 1)
  endpoint.time.pass(30)
  const tokens = await Promise.all(Array.from({ length: 10 }, () => signedBy('b')))
  assert.deepEqual(new Set(await Promise.all(tokens.map((token) => outcomeOf(steps, token)))), new Set(['passed']))
  assert.equal(endpoint.requests, 2)
  const strange = await Promise.all(Array.from({ length: 10 }, (_, i) => signedBy('c', { kid: `x${i}` })))
  for (const token of strange) assert.equal(await outcomeOf(steps, token), 'token_invalid')
  assert.equal(endpoint.requests, 2)
})

test('a wrong signature under a known kid, or an algorithm that no published key has, does not have the keys fetched', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy()
  await endpoint.fetched(1)
  endpoint.time.pass(60)
  assert.equal(await outcomeOf(steps, await signedBy('b', { kid: 'a' })), 'token_invalid')
  assert.equal(await outcomeOf(steps, await tokenOf({ key: secretBytes(SECRET), header: { kid: 'x' } })), 'token_invalid')
  assert.equal(endpoint.requests, 1)
})

test('a token without a kid is tried with every key', async (context) => {
  const endpoint = await endpointFor(context, 'a', 'b')
  const steps = await endpoint.policy()
  assert.equal(await outcomeOf(steps, await signedBy('b', {})), 'passed')
  assert.equal(await outcomeOf(steps, await signedBy('c', {})), 'token_invalid')
})

test('a key that is taken back takes its tokens with it, remembered by digest or by the connection', async (context) => {
  const endpoint = await endpointFor(context, 'a', 'b')
  const steps = await endpoint.policy({ jwksTtl: '100s' })
  const token = await signedBy('a')
  const exchange = bearing(token)
  assert.equal(await verdictOf(steps, exchange), undefined)
  await endpoint.publish('b')
  endpoint.time.pass(80)
  exchange.caller.reset()
  assert.equal(onRequest(steps, exchange), undefined)
  await endpoint.fetched(2)
  exchange.caller.reset()
  assert.equal((await verdictOf(steps, exchange))?.code, 'token_invalid')
  assert.equal(await outcomeOf(steps, token), 'token_invalid')
  assert.equal(await outcomeOf(steps, await signedBy('b')), 'passed')
})

test('while the endpoint fails the last good keys stay in use, and it is asked ever more rarely', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy({ jwksTtl: '100s' })
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'passed')
  const faults: readonly (() => void)[] = [
    () => (endpoint.status = 500),
    () => {
      endpoint.status = 200
      endpoint.body = 'no JSON'
    },
    () => (endpoint.body = '{"keys":{}}'),
    () => (endpoint.body = JSON.stringify({ keys: [], padding: 'x'.repeat(65_536) })),
    () => (endpoint.body = JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) })),
    () => {
      endpoint.status = 302
      endpoint.headers = { location: '/elsewhere' }
    },
  ]
  endpoint.time.pass(100)
  let fetches = 1
  let wait = 1
  for (const fault of faults) {
    fault()
    await verdictOf(steps, bearing(token))
    await endpoint.fetched(++fetches)
    assert.equal(onRequest(steps, bearing(token)), undefined)
    endpoint.time.pass(wait - 0.01)
    assert.equal(onRequest(steps, bearing(token)), undefined)
    assert.equal(endpoint.requests, fetches)
    endpoint.time.pass(0.01)
    wait = Math.min(wait * 2, 30)
  }
  assert.equal(endpoint.counts.get('failure'), faults.length)
  assert.equal(endpoint.warnings.length, faults.length)
  assert.match(endpoint.warnings[0] ?? '', /last good keys stay/)
  endpoint.status = 200
  await endpoint.publish('b')
  assert.equal(onRequest(steps, bearing(token)), undefined)
  await endpoint.fetched(fetches + 1)
  assert.equal(await outcomeOf(steps, token), 'token_invalid')
})

test('keys that could never be fetched make a token unanswerable, not wrong', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  endpoint.status = 503
  const steps = await endpoint.policy()
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'keys_unavailable')
  // Another credential does not excuse an outage; no token, and what is no token at all, is told as ever.
  const exchange = bearing(token)
  exchange.caller.anyOf = true
  assert.equal((await verdictOf(steps, exchange))?.code, 'keys_unavailable')
  assert.equal(onRequest(steps, exchangeOf())?.code, 'token_missing')
  assert.equal(onRequest(steps, bearing('x'))?.code, 'token_invalid')
  assert.equal(endpoint.requests, 1)
  endpoint.status = 200
  endpoint.time.pass(1)
  assert.equal(await outcomeOf(steps, token), 'passed')
  assert.equal(endpoint.requests, 2)
})

test('a set without usable keys is believed: the old ones are gone, and nobody is called wrong', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const steps = await endpoint.policy({ jwksTtl: '100s' })
  const token = await signedBy('a')
  assert.equal(await outcomeOf(steps, token), 'passed')
  endpoint.body = '{"keys":[]}'
  endpoint.time.pass(100)
  assert.equal(await outcomeOf(steps, token), 'keys_unavailable')
})

test('of a set only keys for signatures count, each with its own algorithm, and never a secret', async (context) => {
  const endpoint = await endpointFor(context)
  const rsa = await pairOf('RS256')
  const oct = { kty: 'oct', kid: 'oct', k: Buffer.from(SECRET).toString('base64url') }
  endpoint.body = JSON.stringify({
    keys: [
      await jwk('a', { use: 'enc' }),
      await jwk('b', { alg: 'ES384' }),
      await jwk('c', { key_ops: ['sign'] }),
      { kty: 'new', kid: 'new' },
      null,
      'x',
      { ...(await jwk('a')), crv: 'P-999', kid: 'curve' },
      oct,
      { ...oct, alg: 'HS256', kid: 'oct2' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', x5c: ['x'], unknown: 1 },
    ],
  })
  const steps = await endpoint.policy({ algorithm: ['HS256', 'ES256', 'ES384', 'RS256', 'RS384', 'PS256'] })
  for (const kid of ['a', 'b', 'c']) assert.equal(await outcomeOf(steps, await signedBy(kid)), 'token_invalid')
  for (const kid of ['oct', 'oct2']) assert.equal(await outcomeOf(steps, await tokenOf({ header: { kid } })), 'token_invalid')
  const rs = async (algorithm: string) =>
    outcomeOf(steps, await tokenOf({ algorithm, key: (await pairFrom(rsa, algorithm)).privateKey, header: { kid: 'rsa' } }))
  assert.equal(await rs('RS256'), 'passed')
  assert.equal(await rs('RS384'), 'token_invalid')
  assert.equal(await rs('PS256'), 'token_invalid')
})

/** The same RSA key for another algorithm. */
async function pairFrom({ privateKey, publicKey }: Pair, algorithm: string): Promise<Pair> {
  const name = algorithm.startsWith('PS') ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
  const format = await crypto.subtle.exportKey('pkcs8', privateKey)
  return {
    publicKey,
    privateKey: await crypto.subtle.importKey('pkcs8', format, { name, hash: `SHA-${algorithm.slice(2)}` }, false, ['sign']),
  }
}

test('keys that are written stand beside fetched ones, and pass when those cannot be had', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  endpoint.status = 500
  const steps = await compileJwt({ jwksUrl: endpoint.url, secret: SECRET, algorithm: 'HS256' }, endpoint.context)
  assert.equal(await outcomeOf(steps, await tokenOf({ header: { kid: 'x' } })), 'passed')
  const both = await compileJwt({ jwksUrl: endpoint.url, keys: [{ secret: SECRET }], jwksTtl: '1h' }, endpoint.context)
  assert.equal(await outcomeOf(both, await tokenOf()), 'passed')
  assert.equal(await outcomeOf(both, await signedBy('a')), 'keys_unavailable')
  endpoint.status = 200
  endpoint.time.pass(1)
  await verdictOf(both, bearing(await tokenOf({ claims: { sub: 'other' } })))
  await endpoint.fetched(3)
  assert.equal(await outcomeOf(both, await signedBy('a')), 'passed')
})

test('a set that no configuration needs any more is not fetched again', async (context) => {
  const endpoint = await endpointFor(context, 'a')
  const { RemoteKeys } = await import('./remote-keys.ts')
  const keys = new RemoteKeys({ url: endpoint.url, ttlMs: 10_000, gapMs: 1_000 }, endpoint.context)
  await keys.settled()
  keys.close()
  endpoint.time.pass(60)
  keys.ready()
  assert.equal(await keys.refetch('x', keys.version), false)
  assert.equal(keys.keys.length, 1)
  assert.equal(endpoint.requests, 1)
})
