import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicySurroundings } from '../../core/policy.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, onResponse, problemsOf } from '../testing.ts'
import { parseOriginRule } from './origin.ts'
import { cors } from './policy.ts'
import { schema } from './schema.ts'

type Fields = readonly (readonly [string, string])[]

/** Headers of the response to a request, which had `own` when the policy came to it. */
async function shared(options: unknown, requestFields: Fields, { method = 'GET', own = [] as Fields } = {}): Promise<readonly string[]> {
  const steps = await compilePolicy(cors, options)
  const exchange = exchangeOf({ method, headers: requestFields })
  onRequest(steps, exchange)
  for (const [name, value] of own) exchange.response.headers.append(name, value)
  assert.equal(onResponse(steps, exchange), undefined)
  return fieldsOf(exchange.response.headers)
}

const APP = 'https://app.example'
const FROM_APP: Fields = [['Origin', APP]]
const PREFLIGHT: Fields = [...FROM_APP, ['Access-Control-Request-Method', 'PUT']]
const OPTIONS = { method: 'OPTIONS' }

const ORIGINS: readonly (readonly [rule: string, origin: string, taken: boolean])[] = [
  [APP, APP, true],
  ['HTTPS://App.Example', APP, true],
  ['https://app.example:443', APP, true],
  ['https://bücher.example', 'https://xn--bcher-kva.example', true],
  ['http://app.example:80', 'http://app.example', true],
  [APP, 'http://app.example', false],
  [APP, 'https://app.example:8443', false],
  [APP, 'https://app.example.evil.net', false],
  [APP, 'https://evil-app.example', false],
  [APP, 'https://sub.app.example', false],
  [APP, 'https://app.example/', false],
  [APP, 'null', false],
  ['null', 'null', true],
  ['http://[::1]:3000', 'http://[::1]:3000', true],
  ['capacitor://localhost', 'capacitor://localhost', true],
  ['https://*.example.com', 'https://a.example.com', true],
  ['https://*.example.com', 'https://A.example.com', false],
  ['https://*.example.com', 'https://example.com', false],
  ['https://*.example.com', 'https://.example.com', false],
  ['https://*.example.com', 'https://a.b.example.com', false],
  ['https://*.example.com', 'https://evil.net/.example.com', false],
  ['https://*.example.com', 'https://evil.net?.example.com', false],
  ['https://*.example.com', 'https://user@a.example.com', false],
  ['https://*.example.com', 'http://a.example.com', false],
  ['https://*.example.com', 'https://a.example.com:8443', false],
  ['https://*.example.com:8443', 'https://a.example.com:8443', true],
  ['~https://pr-\\d+\\.example\\.com', 'https://pr-7.example.com', true],
  ['~https://pr-\\d+\\.example\\.com', 'https://pr-7.example.com.evil.net', false],
  ['~https://pr-\\d+\\.example\\.com', 'xhttps://pr-7.example.com', false],
  ['~a|https://b', 'https://b.evil.net', false],
]
for (const [rule, origin, taken] of ORIGINS) {
  test(`${rule} ${taken ? 'takes' : 'does not take'} ${origin}`, async () => {
    // Beside a rule that never matches, and with another origin in between, so that a kept verdict shows.
    const steps = await compilePolicy(cors, { origins: [rule, '~https://never'] })
    for (const asked of [origin, 'https://other.example', origin, origin]) {
      const exchange = exchangeOf({ headers: [['Origin', asked]] })
      onResponse(steps, exchange)
      const allowed = asked === origin && taken ? [`access-control-allow-origin: ${origin}`] : []
      assert.deepEqual(fieldsOf(exchange.response.headers), ['vary: Origin', ...allowed])
    }
  })
}

test('an origin of boundless length is not looked at', async () => {
  const fields = await shared({ origins: ['~https://a+'] }, [['Origin', `https://${'a'.repeat(600)}`]])
  assert.deepEqual(fields, ['vary: Origin'])
})

test('a preflight is answered 204 with what is allowed', async () => {
  const steps = await compilePolicy(cors, { origins: [APP] })
  const verdict = onRequest(steps, exchangeOf({ method: 'OPTIONS', headers: PREFLIGHT }))
  assert.deepEqual([verdict?.status, verdict?.body, verdict?.code], [204, '', null])
  assert.equal(steps.answersPreflight, true)
  assert.deepEqual(await shared({ origins: [APP] }, PREFLIGHT, OPTIONS), [
    'vary: Origin, Access-Control-Request-Method',
    `access-control-allow-origin: ${APP}`,
    'access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers: Authorization, Content-Type',
    'access-control-max-age: 600',
  ])
})

test('only OPTIONS with an origin and the method asked for is a preflight', async () => {
  const steps = await compilePolicy(cors, { origins: [APP] })
  const others: readonly { method: string; headers: Fields }[] = [
    { method: 'OPTIONS', headers: FROM_APP },
    { method: 'OPTIONS', headers: [['Access-Control-Request-Method', 'PUT']] },
    { method: 'GET', headers: PREFLIGHT },
    { method: 'options', headers: PREFLIGHT },
  ]
  for (const shape of others) assert.equal(onRequest(steps, exchangeOf(shape)), undefined, JSON.stringify(shape))
})

test('an origin that is not allowed learns nothing, and caches learn that it depends on the origin', async () => {
  const stranger: Fields = [['Origin', 'https://evil.example']]
  assert.deepEqual(await shared({ origins: [APP], credentials: true, exposedHeaders: ['X-A'] }, stranger), ['vary: Origin'])
  assert.deepEqual(await shared({ origins: [APP] }, []), ['vary: Origin'])
  const preflight: Fields = [...stranger, ['Access-Control-Request-Method', 'PUT']]
  assert.equal(onRequest(await compilePolicy(cors, { origins: [APP] }), exchangeOf({ method: 'OPTIONS', headers: preflight }))?.status, 204)
  assert.deepEqual(await shared({ origins: [APP] }, preflight, OPTIONS), ['vary: Origin, Access-Control-Request-Method'])
})

test('the star gives every request the same answer, so that it does not vary', async () => {
  const expected = ['access-control-allow-origin: *', 'access-control-expose-headers: X-A, X-B']
  for (const fields of [FROM_APP, [['Origin', 'null']] as const, []]) {
    assert.deepEqual(await shared({ origins: ['*'], exposedHeaders: ['X-A', 'X-B'] }, fields), expected)
  }
  assert.deepEqual((await shared({ origins: ['*'] }, PREFLIGHT, OPTIONS)).slice(0, 2), [
    'vary: Access-Control-Request-Method',
    'access-control-allow-origin: *',
  ])
})

test('credentials are allowed to the origins that are named, on preflights and responses', async () => {
  const options = { origins: [APP], credentials: true, exposedHeaders: ['X-A'], maxAge: '90s', methods: ['PUT'], headers: [] }
  assert.deepEqual(await shared(options, FROM_APP), [
    'vary: Origin',
    `access-control-allow-origin: ${APP}`,
    'access-control-allow-credentials: true',
    'access-control-expose-headers: X-A',
  ])
  assert.deepEqual(await shared(options, PREFLIGHT, OPTIONS), [
    'vary: Origin, Access-Control-Request-Method',
    `access-control-allow-origin: ${APP}`,
    'access-control-allow-credentials: true',
    'access-control-allow-methods: PUT',
    'access-control-max-age: 90',
  ])
})

test('headers that are asked for come back with `*`, and nothing that is no list of names', async () => {
  const asking = (text: string): Fields => [...PREFLIGHT, ['Access-Control-Request-Headers', text]]
  const allowed = async (text: string) => {
    const fields = await shared({ origins: [APP], headers: ['*'] }, asking(text), OPTIONS)
    assert.equal(fields[0], 'vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    return fields.find((field) => field.startsWith('access-control-allow-headers'))
  }
  assert.equal(await allowed('x-a,x-b'), 'access-control-allow-headers: x-a,x-b')
  assert.equal(await allowed('authorization, x-b'), 'access-control-allow-headers: authorization, x-b')
  for (const text of ['', 'x a', 'x-a,', 'x-a;b', '"x"']) assert.equal(await allowed(text), undefined, text)
})

const VARY: readonly (readonly [own: readonly string[], expected: readonly string[]])[] = [
  [[], ['vary: Origin']],
  [['Accept'], ['vary: Accept', 'vary: Origin']],
  [['Accept, ORIGIN'], ['vary: Accept, ORIGIN']],
  [
    ['Accept', 'origin '],
    ['vary: Accept', 'vary: origin '],
  ],
  [['*'], ['vary: *']],
]
for (const [own, expected] of VARY) {
  test(`Vary ${JSON.stringify(own)} becomes ${JSON.stringify(expected)}`, async () => {
    const fields = await shared({ origins: [APP] }, [], { own: own.map((value) => ['Vary', value] as const) })
    assert.deepEqual(fields, expected)
  })
}

test('what a service says of sharing is replaced', async () => {
  const own: Fields = [
    ['Access-Control-Allow-Origin', '*'],
    ['access-control-allow-credentials', 'true'],
    ['Access-Control-Expose-Headers', 'X-Secret'],
    ['Access-Control-Allow-Methods', 'DELETE'],
    ['Access-Control-Allow-Headers', 'X'],
    ['Access-Control-Max-Age', '1'],
    ['X-A', '1'],
  ]
  assert.deepEqual(await shared({ origins: [APP] }, FROM_APP, { own }), ['x-a: 1', 'vary: Origin', `access-control-allow-origin: ${APP}`])
  assert.deepEqual(await shared({ origins: [APP] }, [['Origin', 'https://evil.example']], { own }), ['x-a: 1', 'vary: Origin'])
})

test('with `preflightContinue` the service has the word on preflights, and only there', async () => {
  const options = { origins: [APP], preflightContinue: true }
  const steps = await compilePolicy(cors, options)
  assert.equal(steps.answersPreflight, false)
  assert.equal(onRequest(steps, exchangeOf({ ...OPTIONS, headers: PREFLIGHT })), undefined)
  const own: Fields = [['Access-Control-Allow-Origin', 'https://its.own']]
  assert.deepEqual(await shared(options, PREFLIGHT, { ...OPTIONS, own }), ['access-control-allow-origin: https://its.own'])
  assert.deepEqual(await shared(options, FROM_APP, { own }), ['vary: Origin', `access-control-allow-origin: ${APP}`])
})

test('options that cannot be meant are refused', async () => {
  for (const options of [
    {},
    { origins: [] },
    { origins: ['app.example'] },
    { origins: ['https://app.example/'] },
    { origins: ['https://app.example/path'] },
    { origins: ['https://u@app.example'] },
    { origins: ['https://*'] },
    { origins: ['https://*.*.example.com'] },
    { origins: ['https://a.*.example.com'] },
    { origins: ['https://a*.example.com'] },
    { origins: ['https://app.example:99999'] },
    { origins: ['~('] },
    { origins: ['~(?=a)'] },
    { origins: [APP], methods: ['get'] },
    { origins: [APP], methods: [] },
    { origins: [APP], headers: ['a b'] },
    { origins: [APP], headers: ['*', 'X-A'] },
    { origins: [APP], maxAge: '100000h' },
    { origins: [APP], credentials: true, exposedHeaders: ['*'] },
  ]) {
    assert.notDeepEqual(await problemsOf(cors, options), [], JSON.stringify(options))
  }
  const [problem, ...others] = await problemsOf(cors, { origins: [APP, '*'], credentials: true })
  assert.match(problem ?? '', /^`\*` with `credentials`/)
  assert.deepEqual(others, [])
})

const REVIEWED: readonly (readonly [options: Readonly<Record<string, unknown>>, authenticates: boolean, remarks: readonly string[]])[] = [
  [{ origins: [APP, 'https://*.example.com', '~https://pr-\\d+\\.example\\.com', '~https://[^.]+\\.example\\.com'] }, true, []],
  [{ origins: ['*'] }, false, []],
  [{ origins: ['*'] }, true, ['warning origins.0']],
  [{ origins: [APP, '*'] }, false, ['warning origins']],
  [{ origins: ['null'] }, false, ['warning origins.0']],
  [{ origins: ['https://*.com'] }, false, ['warning origins.0']],
  [{ origins: ['~https://.*\\.example\\.com'] }, false, ['warning origins.0']],
  [{ origins: ['~https://app.example\\.com'] }, false, ['warning origins.0']],
  [{ origins: ['~.*'] }, false, ['warning origins.0']],
  [{ origins: [APP, '~https?://.+'], credentials: true }, false, ['error origins.1']],
  [{ origins: ['http://app.example'], credentials: true }, false, ['warning origins.0']],
  [{ origins: ['http://localhost:5173', 'http://127.0.0.1', 'http://[::1]:3000'], credentials: true }, false, []],
  [{ origins: [APP], preflightContinue: true }, true, ['warning preflightContinue']],
]
for (const [options, authenticates, expected] of REVIEWED) {
  test(`check says of ${JSON.stringify(options)}${authenticates ? ' with authentication' : ''}: ${expected.join() || 'nothing'}`, () => {
    const around: PolicySurroundings = {
      optionsOf: () => undefined,
      authenticates,
      stores: new Set(),
      consumers: new Set(),
      clientCertificates: false,
    }
    const remarks = cors.review?.(schema.parse(options), around) ?? []
    assert.deepEqual(
      remarks.map(({ severity, path }) => `${severity} ${path.join('.')}`),
      expected,
    )
  })
}

test('an origin is read as browsers write it', () => {
  assert.deepEqual(parseOriginRule('HTTPS://*.Example.com:443'), { kind: 'wildcard', prefix: 'https://', suffix: '.example.com' })
  assert.deepEqual(parseOriginRule('http://APP.example:80'), { kind: 'exact', origin: 'http://app.example' })
})

test('a WebSocket for the page of another site is refused, also where preflights go on', async () => {
  for (const options of [{ origins: [APP] }, { origins: [APP], preflightContinue: true }]) {
    const steps = await compilePolicy(cors, options)
    const outcome = (...origins: string[]) => {
      const exchange = exchangeOf({ authority: 'Api.example:8443', headers: origins.map((origin) => ['Origin', origin] as const) })
      exchange.request.upgrade = 'websocket'
      return onRequest(steps, exchange)?.code
    }
    for (const fine of [[], [APP], ['https://api.example:8443'], ['http://api.example:8443']]) assert.equal(outcome(...fine), undefined)
    for (const wrong of [
      ['https://evil.example'],
      ['null'],
      ['https://api.example'],
      ['https://evil.example/api.example:8443'],
      ['https://evil.example', 'https://api.example:8443'],
      [''],
    ])
      assert.equal(outcome(...wrong), 'origin_denied', wrong.join())
  }
  const exchange = exchangeOf({ headers: [['Origin', 'https://evil.example']] })
  exchange.request.upgrade = 'websocket'
  assert.equal(onRequest(await compilePolicy(cors, { origins: ['*'] }), exchange), undefined)
})

const LENIENT = { lenient: true, headers: ['*'], maxAge: false, preflightStatus: 200 }
test('lenient sharing tells one origin to all, whoever asks, and adds to what a service says', async () => {
  const options = { ...LENIENT, origins: ['example.com'], exposedHeaders: ['X-A', 'X-B'] }
  assert.deepEqual(
    await shared(options, [['Origin', 'https://evil.example']], {
      own: [
        ['Vary', 'Accept'],
        ['Access-Control-Max-Age', '5'],
      ],
    }),
    [
      'vary: Accept',
      'access-control-max-age: 5',
      'vary: Origin',
      'access-control-allow-origin: example.com',
      'access-control-expose-headers: X-A,X-B',
    ],
  )
})

test('lenient sharing takes back what a service allows to an origin that is not listed, and says that credentials may come', async () => {
  const options = { ...LENIENT, origins: ['https://a.example:443', '~https://[a-z]+[.]b[.]example'], credentials: true }
  const own: Fields = [['Access-Control-Allow-Origin', '*']]
  assert.deepEqual(await shared(options, [['Origin', 'https://evil.example']], { own }), [
    'vary: Origin',
    'access-control-allow-credentials: true',
  ])
  assert.deepEqual(await shared(options, [['Origin', 'https://a.example']]), [
    'vary: Origin',
    'access-control-allow-origin: https://a.example',
    'access-control-allow-credentials: true',
  ])
  assert.equal((await shared(options, [['Origin', 'https://x.b.example:443']]))[1], 'access-control-allow-origin: https://x.b.example')
})

test('lenient sharing of `*` with credentials becomes whichever origin asks', async () => {
  const options = { ...LENIENT, origins: ['*'], credentials: true }
  assert.deepEqual(await shared(options, [['Origin', APP]]), [
    'vary: Origin',
    `access-control-allow-origin: ${APP}`,
    'access-control-allow-credentials: true',
  ])
  assert.deepEqual(await shared(options, []), ['access-control-allow-origin: *'])
  assert.deepEqual(await shared({ ...options, originAbsent: false }, []), [])
  const around = {
    optionsOf: () => undefined,
    authenticates: false,
    stores: new Set<never>(),
    consumers: new Set<string>(),
    clientCertificates: false,
  }
  assert.equal(cors.review?.(schema.parse(options), around)[0]?.severity, 'warning')
})

test('a lenient preflight is answered with all that is configured', async () => {
  const options = { ...LENIENT, origins: ['*'], methods: ['GET', 'PUT'], maxAge: '1h', privateNetwork: true }
  const steps = await compilePolicy(cors, options)
  const exchange = exchangeOf({ method: 'OPTIONS', headers: [...PREFLIGHT, ['Access-Control-Request-Private-Network', 'true']] })
  assert.equal(onRequest(steps, exchange)?.status, 200)
  assert.equal(steps.answersPreflight, undefined)
  assert.deepEqual(await shared(options, [...PREFLIGHT, ['Access-Control-Request-Headers', 'X-A, X-B']], { method: 'OPTIONS' }), [
    'access-control-allow-origin: *',
    'access-control-allow-headers: X-A, X-B',
    'access-control-allow-methods: GET,PUT',
    'access-control-max-age: 3600',
  ])
  assert.deepEqual(await shared({ ...options, headers: ['A', 'B'], preflightContinue: true }, PREFLIGHT, { method: 'OPTIONS' }), [])
})
