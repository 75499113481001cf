import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { DecisionRecord, PolicyDecision } from '../../core/decision.ts'
import { exchangeOf } from '../../policies/testing.ts'
import { DEBUG_HEADER, DEBUG_LIFETIME_MAX_S, debugGrant, decisionHeader, signDebug } from './debug-header.ts'
import { irOf, logWith, passThrough, received, snapshotOf } from './testing.ts'

const SECRET = 'a secret of sixteen or more'
const NOW_S = 1_800_000_000
const SIGNED = { method: 'GET', host: 'shop.example', path: '/a' }

function granted(
  headers: readonly (readonly [string, string])[],
  part: { method?: string; path?: string; authority?: string } = {},
): boolean {
  const { request } = exchangeOf({ method: 'GET', authority: 'shop.example:8080', path: '/a', ...part, headers })
  return debugGrant(request, SECRET, NOW_S * 1_000)
}

const good = signDebug(SECRET, NOW_S + 60, SIGNED)

test('a good signature is good for its method, host and path, until it expires', () => {
  assert.equal(granted([[DEBUG_HEADER, good]]), true)
  assert.equal(granted([[DEBUG_HEADER, good]], { method: 'POST' }), false)
  assert.equal(granted([[DEBUG_HEADER, good]], { path: '/b' }), false)
  assert.equal(granted([[DEBUG_HEADER, good]], { authority: 'other.example' }), false)
  assert.equal(granted([[DEBUG_HEADER, signDebug(SECRET, NOW_S - 1, SIGNED)]]), false)
  assert.equal(granted([[DEBUG_HEADER, signDebug(SECRET, NOW_S + DEBUG_LIFETIME_MAX_S, SIGNED)]]), true)
  assert.equal(granted([[DEBUG_HEADER, signDebug(SECRET, NOW_S + DEBUG_LIFETIME_MAX_S + 1, SIGNED)]]), false)
})

test('everything else is none: other secrets, two headers, other forms', () => {
  const [expiry = '', mac = ''] = good.split('.')
  const wrong = [
    signDebug('another secret of this length', NOW_S + 60, SIGNED),
    '',
    expiry,
    `${expiry}.`,
    `${expiry}.${mac.slice(1)}`,
    `${expiry}.${mac.toUpperCase()}`,
    `0${expiry}.${mac}`,
    `${Number(expiry) + 1}.${mac}`,
    `${good} `,
    `${good},${good}`,
    `${mac}.${expiry}`,
    `1e9.${mac}`,
    `${'9'.repeat(400)}.${mac}`,
  ]
  for (const value of wrong) assert.equal(granted([[DEBUG_HEADER, value]]), false, value)
  assert.equal(
    granted([
      [DEBUG_HEADER, good],
      [DEBUG_HEADER, good],
    ]),
    false,
  )
  assert.equal(granted([]), false)
})

test('openssl makes the same signature, as docs/decisions.md says', () => {
  const made = execFileSync('openssl', ['dgst', '-sha256', '-hmac', SECRET, '-r'], { input: `${NOW_S + 60} GET shop.example /a` })
  assert.equal(`${NOW_S + 60}.${made.toString().split(' ')[0]}`, good)
})

test('only with a secret in force a record is sent along', async () => {
  const snapshot = snapshotOf(await irOf('services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { one: { path: /a, service: s } }'))
  for (const debugSecret of [SECRET, null]) {
    const log = logWith({ debugSecret })
    const exchange = received({ authority: 'shop.example', path: '/a', headers: [[DEBUG_HEADER, good]] })
    const trace = passThrough(log, snapshot, exchange)
    assert.equal(trace?.isWanted, debugSecret !== null)
    log.attach(exchange, snapshot.unmatched)
    assert.equal(exchange.response.headers.has('Turnpike-Decision'), debugSecret !== null)
  }
})

test('what is sent along stays within its bound, and says what was left out', () => {
  const at = { file: 'a/long/path/to/turnpike.yaml', line: 100, column: 7 }
  const policy = (i: number): PolicyDecision => ({
    kind: `policy-${i}`,
    mode: 'enforce',
    scope: 'everywhere',
    at,
    verdict: i === 3 ? 'answered' : 'passed',
    answer: i === 3 ? '429' : null,
    notes: Array.from({ length: 8 }, () => 'x'.repeat(180)),
  })
  const record = (policies: number, extra = ''): DecisionRecord => ({
    requestId: `r${extra}`,
    time: '',
    revision: 'abc',
    listener: 'main',
    client: { address: '', peer: '' },
    request: { method: 'GET', target: '/', path: '/', host: '', scheme: 'http', protocol: 'HTTP/1.1', headers: [], headersCut: false },
    route: { name: `route${extra}`, pattern: '/*', at },
    service: 's',
    policies: Array.from({ length: policies }, (_, i) => policy(i)),
    caller: null,
    limit: null,
    cache: null,
    attempts: [],
    fallback: null,
    answer: { from: { by: 'service' }, status: 200, error: null, grpcStatus: null },
    requestBytes: 0,
    responseBytes: 0,
    durationMs: 1,
  })
  for (const count of [0, 1, 4, 20, 200, 2_000]) {
    for (const extra of ['', 'y'.repeat(2_500)]) {
      const [name, value] = decisionHeader(record(count, extra))
      assert.equal(name, 'Turnpike-Decision')
      assert.ok(value.length > 0 && value.length <= 4_096, `${count} ${value.length}`)
      const told: unknown = JSON.parse(Buffer.from(value, 'base64url').toString())
      assert.ok(typeof told === 'object' && told !== null && 'requestId' in told)
      if (count === 200) assert.ok('isCut' in told)
    }
  }
})
