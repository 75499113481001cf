import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { HmacCredential } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps } from '../../core/policy.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, fieldsOf, onRequest, problemsOf } from '../testing.ts'
import { contextOf, type Period, START } from '../testing-consumers.ts'
import { hmac } from './policy.ts'

const SECRET = 'a secret of the partner'
const NOW = 'Thu, 01 Jan 2026 00:00:00 GMT'

const secretOf = (period: Period & { secret?: string } = {}): HmacCredential => ({
  kind: 'hmac',
  id: 'hmac-1',
  notBeforeMs: null,
  expiresAtMs: null,
  keyId: 'partner-1',
  secret: SECRET,
  ...period,
})

const rig = async (options: unknown = {}, credentials: readonly HmacCredential[] = [secretOf()]) => {
  const { time, context } = contextOf({ partner: credentials })
  return { time, steps: await compilePolicy(hmac, options, context) }
}

interface Signed extends ExchangeShape {
  readonly target?: string
  /** The `headers` parameter; null for none. */
  readonly covered?: string | null
  /** What is signed, when it is not what it should be. */
  readonly text?: string
  readonly algorithm?: string
  readonly keyId?: string
  readonly secret?: string
  /** In place of all of the above. */
  readonly authorization?: string
}

function sign(text: string, algorithm = 'sha256', secret = SECRET): string {
  return createHmac(algorithm, secret).update(text).digest('base64')
}

/** A request that is signed as the drafts have it, written here a second time and in the plainest way. */
function signed(shape: Signed = {}): Exchange {
  const {
    method = 'GET',
    target = '/a?b=c',
    covered = '(request-target) host date',
    algorithm = 'hmac-sha256',
    keyId = 'partner-1',
  } = shape
  const headers = shape.headers ?? [['Date', NOW]]
  const lines = (covered ?? '').split(' ').map((name) => {
    if (name === '(request-target)') return `(request-target): ${method.toLowerCase()} ${target}`
    if (name === 'host') return 'host: example.com:8080'
    const values = headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
    return `${name}: ${values.join(', ')}`
  })
  const signature = sign(shape.text ?? lines.join('\n'), algorithm.slice(5), shape.secret)
  const list = covered === null ? '' : `,headers="${covered}"`
  const authorization = shape.authorization ?? `Signature keyId="${keyId}",algorithm="${algorithm}"${list},signature="${signature}"`
  const exchange = exchangeOf({ authority: 'example.com:8080', ...shape, headers: [...headers, ['Authorization', authorization]] })
  exchange.request.target = target
  return exchange
}

function outcome(steps: PolicySteps, exchange: Exchange): string {
  const verdict = onRequest(steps, exchange)
  const { consumer, credentialId, method } = exchange.caller
  return verdict === undefined
    ? `${method} ${consumer?.name} ${credentialId}`
    : `${verdict.code}${verdict.detail === null ? '' : `: ${verdict.detail}`}`
}

const PASSED = 'hmac partner hmac-1'
const WRONG = 'credentials_invalid'
const MALFORMED = 'credentials_invalid: The signature is malformed'

test('a signature lets its consumer in, with every algorithm and whatever is covered', async () => {
  const { steps } = await rig()
  for (const algorithm of ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'])
    assert.equal(outcome(steps, signed({ algorithm })), PASSED, algorithm)
  assert.equal(outcome(steps, signed({ method: 'POST', target: '/A%2fb?x=%20' })), PASSED)
  const headers = [
    ['X-Date', NOW],
    ['X-A', '1'],
    ['X-A', '2'],
    ['X-Empty', ''],
  ] as const
  assert.equal(outcome(steps, signed({ headers, covered: 'x-date x-a host x-empty (request-target)' })), PASSED)
})

test('the example of the draft is signed as the draft says', async () => {
  // Draft 12, C.2 and C.3 have the text; the signatures there are RSA's.
  const text = '(request-target): post /foo?param=value&pet=dog\nhost: example.com\ndate: Sun, 05 Jan 2014 21:31:40 GMT'
  const { steps, time } = await rig()
  time.epochMs = Date.UTC(2014, 0, 5, 21, 31, 40)
  const authorization = `Signature keyId="partner-1",algorithm="hmac-sha256",headers="(request-target) host date",signature="${sign(text)}"`
  const exchange = signed({
    method: 'POST',
    target: '/foo?param=value&pet=dog',
    authority: 'example.com',
    headers: [['Date', 'Sun, 05 Jan 2014 21:31:40 GMT']],
    authorization,
  })
  assert.equal(outcome(steps, exchange), PASSED)
})

test('the form of Kong is taken, with its request line', async () => {
  const { steps } = await rig()
  const kong = (covered: string, text: string, user = 'partner-1') =>
    signed({ authorization: `hmac username="${user}", algorithm="hmac-sha256", headers="${covered}", signature="${sign(text)}"` })
  assert.equal(outcome(steps, kong('date host request-line', `date: ${NOW}\nhost: example.com:8080\nGET /a?b=c HTTP/1.1`)), PASSED)
  assert.equal(
    outcome(steps, kong('Date host @request-target', `Date: ${NOW}\nhost: example.com:8080\n@request-target: get /a?b=c`)),
    PASSED,
  )
  assert.equal(outcome(steps, kong('date host request-line', `date: ${NOW}\nhost: example.com:8080\nGET /a?b=d HTTP/1.1`)), WRONG)
  assert.equal(outcome(steps, kong('date host request-line', 'x', 'nobody')), WRONG)
})

test('a signature for anything else is refused', async () => {
  const { steps } = await rig()
  const base = `(request-target): get /a?b=c\nhost: example.com:8080\ndate: ${NOW}`
  assert.equal(outcome(steps, signed({ text: base })), PASSED)
  for (const text of [
    base.replace('get', 'post'),
    base.replace('b=c', 'b=d'),
    base.replace(':8080', ''),
    base.replace('00:00:00', '00:00:01'),
    base.replaceAll('\n', '\r\n'),
    `${base}\n`,
    '',
  ])
    assert.equal(outcome(steps, signed({ text })), WRONG, text)
  assert.equal(outcome(steps, signed({ secret: 'another secret' })), WRONG)
  assert.equal(outcome(steps, signed({ keyId: 'nobody' })), WRONG)
})

test('what a signature has to cover is what it has to cover', async () => {
  const uncovered = 'credentials_invalid: The signature does not cover all that it has to'
  const { steps } = await rig()
  for (const covered of ['date', '(request-target) host', 'host date', '(request-target) date'])
    assert.equal(outcome(steps, signed({ covered })), uncovered, covered)
  assert.equal(
    outcome(steps, signed({ covered: '(request-target) host date x-a' })),
    'credentials_invalid: The signature covers something that the request does not have',
  )
  const { steps: few } = await rig({ requiredHeaders: ['X-A'] })
  assert.equal(outcome(few, signed({ covered: 'x-a', headers: [['X-A', '1']] })), PASSED)
  assert.equal(outcome(few, signed({ covered: 'date' })), uncovered)
})

test('what is malformed is refused, and what is no signature is missing', async () => {
  const { steps } = await rig()
  const good = `keyId="partner-1",algorithm="hmac-sha256",headers="(request-target) host date",signature="${sign('x')}"`
  for (const authorization of [
    'Signature',
    'Signature ',
    'Signature x',
    `Signature ${good},`,
    `Signature ,${good}`,
    `Signature ${good},keyId="partner-1"`,
    `Signature ${good.replace('keyId="partner-1",', '')}`,
    `Signature ${good.replace('partner-1', '')}`,
    `Signature ${good.replace('partner-1', 'part\\"ner')}`,
    `Signature ${good.replace(/signature=.*/, 'signature=""')}`,
    `Signature ${good.replace(/,signature=.*/, '')}`,
    `Signature ${good.replace('="hmac', '=hmac')}`,
    `Signature ${good.replace(/=",?$/, '"')}`,
    `Signature ${good.replace('host date', 'host  date')}`,
    `Signature ${good.replace('host date', 'host date Host')}`,
    `Signature ${good.replace('host date', 'host date a/b')}`,
    `Signature ${good.replace('host date', 'host date (created)')},created=1767225600`,
    `Signature ${good.replace('host date', Array.from({ length: 60 }, (_, i) => `x-${i}`).join(' '))}`,
    `Signature ${good},a="${'x'.repeat(9_000)}"`,
    `Signature ${good},created="x"`,
    `hmac ${good}`,
  ])
    assert.equal(outcome(steps, signed({ authorization })), MALFORMED, authorization.slice(0, 200))
  for (const authorization of ['Basic eDp5', 'Signatures x', 'Bearer x'])
    assert.equal(outcome(steps, signed({ authorization })), 'credentials_missing')
  assert.equal(outcome(steps, exchangeOf()), 'credentials_missing')
  const twice = exchangeOf({
    headers: [
      ['Authorization', `Signature ${good}`],
      ['Authorization', `Signature ${good}`],
    ],
  })
  assert.equal(outcome(steps, twice), MALFORMED)
})

test('only the algorithms that are allowed count', async () => {
  const refused = 'credentials_invalid: The algorithm of the signature is not accepted'
  const { steps } = await rig({ algorithms: ['hmac-sha512'] })
  assert.equal(outcome(steps, signed({ algorithm: 'hmac-sha256' })), refused)
  assert.equal(outcome(steps, signed({ algorithm: 'hmac-sha512' })), PASSED)
  for (const algorithm of ['hmac-sha1', 'hmac-md5', 'rsa-sha256', 'none']) {
    const authorization = `Signature keyId="partner-1",algorithm="${algorithm}",headers="(request-target) host date",signature="${sign('x')}"`
    assert.equal(outcome(steps, signed({ authorization })), refused, algorithm)
  }
})

test('where the algorithm follows from the key, a signature says itself when it was made and until when it holds', async () => {
  const { steps, time } = await rig({ algorithms: ['hmac-sha512'] })
  const created = START / 1_000
  const base = `(request-target): get /a?b=c\nhost: example.com:8080\n(created): ${created}\n(expires): ${created + 60}`
  const authorization = `Signature keyId="partner-1",algorithm="hs2019",created=${created},expires=${created + 60},headers="(request-target) host (created) (expires)",signature="${sign(base, 'sha512')}"`
  assert.equal(outcome(steps, signed({ authorization })), PASSED)
  assert.equal(outcome(steps, signed({ authorization: authorization.replace(`created=${created}`, `created=${created + 1}`) })), WRONG)
  time.epochMs += 59_999
  assert.equal(outcome(steps, signed({ authorization })), PASSED)
  time.epochMs += 1
  assert.match(outcome(steps, signed({ authorization })), /^credentials_expired/)
  assert.match(outcome((await rig()).steps, signed({ authorization })), /algorithm/)
})

test('a signed date is within the skew, on either side', async () => {
  const { steps, time } = await rig({ skew: '10s' })
  const outcomes = [-10_001, -10_000, 0, 10_000, 10_001].map((off) => {
    time.epochMs = START + off
    return outcome(steps, signed())
  })
  const late = 'credentials_expired: The date that is signed is too far from now'
  assert.deepEqual(outcomes, [late, PASSED, PASSED, PASSED, late])
  time.epochMs = START
  for (const date of [
    'yesterday',
    '',
    '2026-01-01T00:00:00Z',
    '1767225600',
    'Thursday, 01-Jan-26 00:00:00 GMT',
    'Thu, 01 Jan 2026 00:00:00 CET',
    `${NOW}, ${NOW}`,
  ])
    assert.equal(outcome(steps, signed({ headers: [['Date', date]] })), 'credentials_invalid: The date that is signed is malformed', date)
  // Of two dates that are signed, both count.
  const headers = [
    ['X-Date', NOW],
    ['Date', 'Wed, 31 Dec 2025 23:00:00 GMT'],
  ] as const
  assert.equal(outcome(steps, signed({ headers, covered: '(request-target) host x-date date' })), late)
  assert.equal(outcome(steps, signed({ headers, covered: '(request-target) host x-date' })), PASSED)
})

test('secrets overlap in a rotation, also under one key id', async () => {
  const { steps, time } = await rig({}, [
    secretOf({ id: 'old', expiresAtMs: START + 2_000 }),
    secretOf({ id: 'new', secret: 'another secret', notBeforeMs: START + 1_000 }),
  ])
  const outcomes = [0, 1_000, 2_000].map((at) => {
    time.epochMs = START + at
    return [outcome(steps, signed()), outcome(steps, signed({ secret: 'another secret' }))]
  })
  assert.deepEqual(outcomes, [
    ['hmac partner old', 'credentials_expired'],
    ['hmac partner old', 'hmac partner new'],
    ['credentials_expired', 'hmac partner new'],
  ])
})

test('the body is compared with the digests that are signed', async () => {
  const { steps } = await rig({ validateBody: true })
  const body = Buffer.from('{"a":1}')
  const digest = (algorithm: string) => createHash(algorithm).update(body).digest('base64')
  const sha256 = digest('sha256')
  const check = (name: string, value: string, bodyLength = body.length, cover = true): string => {
    const covered = `(request-target) host date${cover ? ` ${name.toLowerCase()}` : ''}`
    const exchange = signed({
      headers: [
        ['Date', NOW],
        [name, value],
      ],
      covered,
      bodyLength,
    })
    const first = outcome(steps, exchange)
    if (first !== PASSED || steps.requestBody?.wanted(exchange) !== true) return first
    const verdicts = [body, Buffer.from('{"a":2}'), Buffer.alloc(0)].map((bytes) => steps.requestBody?.run(exchange, bytes))
    steps.onFinish?.(exchange, { status: 200, error: null, durationMs: 0 })
    assert.equal(steps.requestBody.wanted(exchange), false)
    return verdicts.map((verdict) => (verdict === undefined ? 'passed' : 'code' in verdict ? verdict.code : 'something else')).join()
  }
  const compared = 'passed,credentials_invalid,credentials_invalid'
  assert.equal(check('Digest', `SHA-256=${sha256}`), compared)
  assert.equal(check('Digest', `md5=abc=, sha-512=${digest('sha512')}`), compared)
  assert.equal(check('Content-Digest', `sha-256=:${sha256}:, unknown=:AAAA:`), compared)
  assert.equal(check('Digest', `SHA-256=${sha256}`, -1), compared, 'in chunks')
  assert.equal(
    check('Digest', `SHA-256=${sha256},SHA-512=${Buffer.alloc(64).toString('base64')}`).split(',')[0],
    'credentials_invalid',
    'all of them count',
  )
  const uncovered = 'credentials_invalid: The signature has to cover a digest of the body'
  assert.equal(check('Digest', `SHA-256=${sha256}`, 7, false), uncovered)
  assert.equal(check('Digest', `md5=${sha256}`), uncovered)
  for (const [name, value] of [
    ['Digest', ''],
    ['Digest', sha256],
    ['Digest', 'SHA-256=AAAA'],
    ['Digest', `sha-256=:${sha256}:`],
    ['Content-Digest', `sha-256=${sha256}`],
    ['Digest', Array.from({ length: 20 }, () => `SHA-256=${sha256}`).join()],
  ] as const)
    assert.equal(check(name, value), 'credentials_invalid: The digest of the body is malformed', `${name}: ${value}`)
  // A body that somebody took away.
  assert.equal(check('Digest', `SHA-256=${sha256}`, 0), 'credentials_invalid: The body has another digest than the one that is signed')
  assert.equal(outcome(steps, signed()), PASSED, 'no body, no digest')
})

test('refusals name what has to be covered, and the service does not see the signature', async () => {
  const { steps } = await rig({ realm: 'shop' })
  assert.deepEqual((await steps.onRequest?.(exchangeOf()))?.headers, [
    ['WWW-Authenticate', 'Signature realm="shop",headers="(request-target) host date"'],
  ])
  const exchange = signed()
  assert.equal(onRequest(steps, exchange), undefined)
  assert.deepEqual(fieldsOf(exchange.request.headers), [`date: ${NOW}`])
  const forwarded = signed()
  assert.equal(onRequest((await rig({ forward: true })).steps, forwarded), undefined)
  assert.equal(forwarded.request.headers.has('Authorization'), true)
  const other = signed({ authorization: 'Bearer x' })
  onRequest(steps, other)
  assert.equal(other.request.headers.get('Authorization'), 'Bearer x')
})

test('options that let signatures cover too little are warned of', async () => {
  const surroundings = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set<never>(),
    consumers: new Set<string>(),
    clientCertificates: false,
  }
  const schema = await hmac.loadSchema()
  const remarks = (requiredHeaders: string[]) => hmac.review?.(schema.parse({ requiredHeaders }), surroundings).length
  assert.deepEqual(
    [remarks(['(request-target)', 'date']), remarks(['Request-Line', 'X-Date']), remarks(['date']), remarks([])],
    [0, 0, 1, 2],
  )
  assert.notDeepEqual(await problemsOf(hmac, { requiredHeaders: ['(other)'] }), [])
  assert.notDeepEqual(await problemsOf(hmac, { algorithms: [] }), [])
})
