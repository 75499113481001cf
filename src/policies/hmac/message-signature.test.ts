/** RFC 9421, with its own example and attacks on its syntax. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { Exchange } from '../../core/exchange.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest } from '../testing.ts'
import { contextOf, START } from '../testing-consumers.ts'
import { readMessageSignatures } from './message-signature.ts'
import { hmac } from './policy.ts'
import { signedText } from './signed-text.ts'

const SECRET = 'a secret of the partner'
const CREATED = START / 1_000

function sign(text: string, algorithm = 'sha256'): string {
  return createHmac(algorithm, SECRET).update(text).digest('base64')
}

interface Shape {
  /** What stands in `Signature-Input` and `Signature`. */
  readonly input: string
  readonly signature: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly method?: string
  readonly target?: string
  readonly bodyLength?: number
}

function requestOf({ input, signature, headers = [], method = 'GET', target = '/a?b=c', bodyLength = 0 }: Shape): Exchange {
  const fields = [...headers, ['Signature-Input', input], ['Signature', signature]] as const
  const exchange = exchangeOf({ authority: 'Example.com:80', method, bodyLength, headers: fields })
  exchange.request.target = target
  return exchange
}

async function rig(options: unknown = {}) {
  const credential = { kind: 'hmac', id: 'hmac-1', notBeforeMs: null, expiresAtMs: null, keyId: 'partner-1', secret: SECRET } as const
  const { time, context } = contextOf({ partner: [credential] })
  const steps = await compilePolicy(hmac, options, context)
  const outcome = (shape: Shape): string => {
    const exchange = requestOf(shape)
    const verdict = onRequest(steps, exchange)
    return verdict === undefined ? exchange.caller.credentialId : `${verdict.code} ${verdict.detail ?? ''}`.trimEnd()
  }
  return { time, steps, outcome }
}

/** Lines that are signed, with the parameters behind them. */
function signed(
  covered: Readonly<Record<string, string>>,
  parameters = `created=${CREATED};keyid="partner-1";alg="hmac-sha256"`,
  algorithm = 'sha256',
) {
  const params = `(${Object.keys(covered)
    .map((name) => `"${name}"`)
    .join(' ')});${parameters}`
  const lines = Object.entries({ ...covered, '@signature-params': params }).map(([name, value]) => `"${name}": ${value}`)
  return { input: `sig=${params}`, signature: `sig=:${sign(lines.join('\n'), algorithm)}:` }
}

const TARGET = { '@method': 'GET', '@target-uri': 'http://example.com/a?b=c' }

test('the example of RFC 9421, B.2.5 is signed as it says', () => {
  const secret = Buffer.from('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==', 'base64')
  const exchange = requestOf({
    input: 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    signature: 'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
    headers: [
      ['Date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
      ['Content-Type', 'application/json'],
    ],
  })
  const found = readMessageSignatures(exchange.request.headers)
  assert.ok(Array.isArray(found))
  const [signature] = found
  assert.ok(signature !== undefined)
  assert.equal(signature.keyId, 'test-shared-secret')
  const text = signedText(exchange, signature)
  assert.ok(text !== null)
  assert.deepEqual(createHmac('sha256', secret).update(text).digest(), signature.bytes)
})

test('a signature lets its consumer in, whichever components say what is required', async () => {
  const { outcome } = await rig()
  for (const covered of [
    TARGET,
    { '@method': 'GET', '@authority': 'example.com', '@path': '/a', '@query': '?b=c' },
    { '@authority': 'example.com', '@request-target': '/a?b=c', '@method': 'GET', '@scheme': 'http' },
    { host: 'Example.com:80', '@request-target': '/a?b=c', '@method': 'GET' },
  ])
    assert.equal(outcome(signed(covered)), 'hmac-1', JSON.stringify(covered))
  assert.equal(
    outcome({ ...signed({ '@method': 'GET', '@authority': 'example.com', '@path': '/a', '@query': '?' }), target: '/a' }),
    'hmac-1',
  )
  assert.equal(outcome({ ...signed(TARGET), target: 'http://example.com/a?b=c' }), 'hmac-1')
  const spaced = signed(TARGET)
  assert.equal(outcome({ ...spaced, input: spaced.input.replace('("', '(  "').replaceAll(';', '; ') }), 'hmac-1', 'written less strictly')
  const other = signed(TARGET, `created=${CREATED};keyid="partner-1"`)
  assert.equal(outcome(other), 'hmac-1', 'without `alg` it is the one that is registered')
})

test('a signature for another request, or one that covers too little, is refused', async () => {
  const { outcome } = await rig()
  assert.equal(outcome(signed({ ...TARGET, '@target-uri': 'http://example.com/a?b=d' })), 'credentials_invalid')
  assert.equal(outcome({ ...signed(TARGET), method: 'POST' }), 'credentials_invalid')
  const changed = signed(TARGET)
  assert.equal(outcome({ ...changed, input: changed.input.replace(String(CREATED), String(CREATED + 1)) }), 'credentials_invalid')
  const uncovered = 'credentials_invalid The signature does not cover all that it has to'
  for (const covered of [
    {},
    { '@target-uri': 'http://example.com/a?b=c' },
    { '@method': 'GET', '@path': '/a', '@authority': 'example.com' },
    { '@method': 'GET', '@request-target': '/a?b=c' },
    { 'request-line': 'x', '@authority': 'example.com' },
  ])
    assert.equal(outcome(signed(covered)), uncovered, JSON.stringify(covered))
  assert.equal(outcome(signed(TARGET, 'keyid="partner-1"')), uncovered, 'no date')
  const absent = 'credentials_invalid The signature covers something that the request does not have'
  assert.equal(outcome(signed({ ...TARGET, 'x-a': '1' })), absent)
  assert.equal(outcome(signed({ ...TARGET, '@status': '200' })), absent)
})

test('created and expires bound a signature, and the algorithm is one that is allowed', async () => {
  const { outcome, time } = await rig({ skew: '10s' })
  const late = 'credentials_expired The date that is signed is too far from now'
  const short = signed(TARGET, `created=${CREATED};expires=${CREATED + 5};keyid="partner-1"`)
  const outcomes = [-10_001, -10_000, 4_999, 5_000].map((off) => {
    time.epochMs = START + off
    return outcome(short)
  })
  assert.deepEqual(outcomes, [late, 'hmac-1', 'hmac-1', late])
  time.epochMs = START + 10_001
  assert.equal(outcome(signed(TARGET)), late)
  time.epochMs = START
  const strong = signed(TARGET, `created=${CREATED};keyid="partner-1";alg="hmac-sha512"`, 'sha512')
  assert.equal(outcome(strong), 'hmac-1')
  const refused = 'credentials_invalid The algorithm of the signature is not accepted'
  assert.equal(outcome(signed(TARGET, `created=${CREATED};keyid="partner-1";alg="ed25519"`)), refused)
  assert.equal((await rig({ algorithms: ['hmac-sha512'] })).outcome(signed(TARGET)), refused)
})

test('of several signatures one has to be right', async () => {
  const { outcome } = await rig()
  const good = signed(TARGET)
  const foreign = { input: 'a=("@method");created=1;keyid="k";alg="ed25519"', signature: 'a=:AAAA:' }
  assert.equal(outcome({ input: `${foreign.input}, ${good.input}`, signature: `${good.signature},${foreign.signature}` }), 'hmac-1')
  assert.equal(outcome(foreign), 'credentials_invalid The algorithm of the signature is not accepted')
})

test('what can be read in two ways, or not at all, is refused', async () => {
  const { outcome } = await rig()
  const { input, signature } = signed(TARGET)
  const malformed = 'credentials_invalid The signature is malformed'
  for (const written of [
    '',
    'sig',
    'sig=',
    'sig=(',
    'sig=()',
    `${input},`,
    `,${input}`,
    `${input}, ${input}`,
    `${input} x`,
    input.replace('sig', 'Sig'),
    input.replace('sig', 'other'),
    input.replace('" "', '""'),
    input.replace('"@method"', '"@method" "@method"'),
    input.replace('"@method"', '"@Method"'),
    input.replace('"@method"', '"@method";req'),
    input.replace('"@method"', '"x-a";sf'),
    input.replace('"@method"', '"(request-target)"'),
    input.replace('"@method"', '@method'),
    input.replace('keyid="partner-1"', 'keyid=partner-1'),
    input.replace('keyid="partner-1"', 'keyid=""'),
    input.replace(';keyid="partner-1"', ''),
    input.replace(';keyid="partner-1"', ';keyid'),
    input.replace('partner-1', 'part\\"ner'),
    input.replace('partner-1', 'pärtner'),
    input.replace(';keyid', ';keyid="x";keyid'),
    input.replace(/created=\d+/, 'created=-1'),
    input.replace(/created=\d+/, 'created=01'),
    input.replace(/created=\d+/, 'created=1.5'),
    input.replace(/created=\d+/, 'created="1"'),
    input.replace(/alg="[^"]+"/, 'alg=hmac-sha256'),
    Array.from({ length: 6 }, (_, index) => input.replace('sig', `s${index}`)).join(),
    `sig=(${Array.from({ length: 51 }, (_, index) => `"x-${index}"`).join(' ')})`,
    `${input};x="${'x'.repeat(9_000)}"`,
  ])
    assert.equal(outcome({ input: written, signature }), malformed, written.slice(0, 200))
  for (const written of [
    '',
    'sig',
    'sig=::',
    'sig=:AAA:',
    'sig="AAAA"',
    'other=:AAAA:',
    `${signature}, ${signature}`,
    `sig=:${'A'.repeat(2_000)}:`,
  ])
    assert.equal(outcome({ input, signature: written }), malformed, written.slice(0, 200))
})

test('a content digest that is covered is compared with the body', async () => {
  const { steps } = await rig({ validateBody: true })
  const body = Buffer.from('{"hello": "world"}')
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const covered = { '@method': 'POST', '@target-uri': 'http://example.com/a?b=c', 'content-digest': digest }
  const exchange = requestOf({ ...signed(covered), method: 'POST', headers: [['Content-Digest', digest]], bodyLength: body.length })
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(steps.requestBody?.wanted(exchange), true)
  assert.equal(steps.requestBody?.run(exchange, body), undefined)
  const verdict = steps.requestBody?.run(exchange, Buffer.from('{"hello": "moon"}'))
  assert.ok(verdict !== undefined && 'code' in verdict)
  assert.equal(verdict.code, 'credentials_invalid')
  assert.deepEqual(fieldsOf(exchange.request.headers), [`content-digest: ${digest}`], 'the signature was for the gateway')
})
