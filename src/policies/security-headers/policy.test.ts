import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySurroundings } from '../../core/policy.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, fieldsOf, onResponse, problemsOf } from '../testing.ts'
import { securityHeaders } from './policy.ts'
import { schema } from './schema.ts'

const AROUND: PolicySurroundings = {
  optionsOf: () => undefined,
  authenticates: false,
  stores: new Set(),
  consumers: new Set(),
  clientCertificates: false,
}
const DEFAULTS = ['x-content-type-options: nosniff', 'x-frame-options: DENY', 'referrer-policy: no-referrer']
const HSTS = 'strict-transport-security: max-age=31536000'

/** The fields of a response that had `own`. */
async function sent(
  options: unknown,
  own: readonly (readonly [string, string])[] = [],
  change?: (exchange: Exchange) => void,
  shape?: ExchangeShape,
) {
  const exchange = exchangeOf(shape)
  change?.(exchange)
  for (const [name, value] of own) exchange.response.headers.append(name, value)
  assert.equal(onResponse(await compilePolicy(securityHeaders, options), exchange), undefined)
  return fieldsOf(exchange.response.headers)
}

const overTls = ({ request }: Exchange): void => {
  request.scheme = 'https'
}

test('without options a response gets what suits an API, and loses what tells of its service', async () => {
  const own = [
    ['Server', 'x/1.2'],
    ['X-Powered-By', 'y'],
    ['X-Kept', '1'],
  ] as const
  assert.deepEqual(await sent({}, own), ['x-kept: 1', ...DEFAULTS])
})

test('every header that is named is sent as it is written, and `off` leaves one out', async () => {
  const options = {
    contentTypeOptions: 'off',
    frameOptions: 'SAMEORIGIN',
    referrerPolicy: 'strict-origin',
    contentSecurityPolicy: "default-src 'self'",
    permissionsPolicy: 'camera=()',
    crossOriginOpenerPolicy: 'same-origin',
    crossOriginEmbedderPolicy: 'require-corp',
    crossOriginResourcePolicy: 'same-site',
    remove: [],
  }
  assert.deepEqual(await sent(options, [['Server', 'x']]), [
    'server: x',
    'x-frame-options: SAMEORIGIN',
    'referrer-policy: strict-origin',
    "content-security-policy: default-src 'self'",
    'permissions-policy: camera=()',
    'cross-origin-opener-policy: same-origin',
    'cross-origin-embedder-policy: require-corp',
    'cross-origin-resource-policy: same-site',
  ])
})

const TRANSPORT: readonly (readonly [string, unknown, ((exchange: Exchange) => void) | undefined, ExchangeShape, string | undefined])[] = [
  ['plain HTTP', {}, undefined, {}, undefined],
  ['TLS here', {}, overTls, {}, HSTS],
  ['TLS at a trusted proxy', {}, undefined, { trusted: true, headers: [['X-Forwarded-Proto', 'HTTPS']] }, HSTS],
  ['plain HTTP at a trusted proxy', {}, undefined, { trusted: true, headers: [['X-Forwarded-Proto', 'http']] }, undefined],
  ['a client that claims TLS', {}, undefined, { headers: [['X-Forwarded-Proto', 'https']] }, undefined],
  ['plain HTTP with `always`', { always: true }, undefined, {}, HSTS],
  ['TLS, not enabled', { enabled: false }, overTls, {}, undefined],
  ['a shorter time', { maxAge: '1h' }, overTls, {}, 'strict-transport-security: max-age=3600'],
  ['the word taken back', { maxAge: 0 }, overTls, {}, 'strict-transport-security: max-age=0'],
  ['names below', { includeSubDomains: true, preload: true }, overTls, {}, `${HSTS}; includeSubDomains; preload`],
]
for (const [name, hsts, change, shape, expected] of TRANSPORT) {
  test(`Strict-Transport-Security: ${name}`, async () => {
    const fields = await sent({ hsts }, [], change, shape)
    assert.equal(
      fields.find((field) => field.startsWith('strict-transport-security')),
      expected,
    )
  })
}

test('a service’s own headers stay unless these are to take their place', async () => {
  const own = [
    ['X-Frame-Options', 'SAMEORIGIN'],
    ['Strict-Transport-Security', 'max-age=1'],
  ] as const
  const kept = await sent({}, own, overTls)
  assert.deepEqual(kept, ['x-frame-options: SAMEORIGIN', 'strict-transport-security: max-age=1', DEFAULTS[0], DEFAULTS[2]])
  assert.deepEqual(await sent({ override: true }, own, overTls), [...DEFAULTS, HSTS])
})

test('what cannot be meant is refused', async () => {
  for (const options of [
    { frameOptions: 'ALLOWALL' },
    { referrerPolicy: 'none' },
    { contentSecurityPolicy: '' },
    { contentSecurityPolicy: 'a\r\nSet-Cookie: b' },
    { remove: ['Content-Length'] },
    { remove: ['a b'] },
    { hsts: { preload: true } },
    { hsts: { preload: true, includeSubDomains: true, maxAge: '1h' } },
    { hsts: { maxAge: '100000h' } },
    { hsts: { maxage: '1h' } },
  ]) {
    assert.notDeepEqual(await problemsOf(securityHeaders, options), [], JSON.stringify(options))
  }
  assert.deepEqual(await problemsOf(securityHeaders, { frameOptions: 'denny' }), [
    'expected one of `DENY`, `SAMEORIGIN`, `off`, found `denny`; did you mean `DENY`?',
  ])
})

test('check warns of texts that browsers ignore', () => {
  const warned = (options: unknown) => (securityHeaders.review?.(schema.parse(options), AROUND) ?? []).map(({ path }) => path.join('.'))
  assert.deepEqual(warned({ contentSecurityPolicy: "default-src 'self'; frame-ancestors 'none'", permissionsPolicy: 'camera=()' }), [])
  assert.deepEqual(warned({ contentSecurityPolicy: 'default-src self', permissionsPolicy: "camera 'none'" }), [
    'contentSecurityPolicy',
    'permissionsPolicy',
  ])
})
