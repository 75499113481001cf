import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POLICIES } from '../../../policies/index.ts'
import { type LoadOptions, loadConfig } from '../../load.ts'
import type { KongDocument } from './types.ts'

function load(yaml: string, options: Partial<LoadOptions> = {}) {
  return loadConfig(['kong.yml'], { policies: POLICIES, env: {}, readFile: () => Promise.resolve(yaml), ...options })
}

async function problemsOf(yaml: string, options: Partial<LoadOptions> = {}): Promise<string[]> {
  const loaded = await load(yaml, options)
  const problems = 'ir' in loaded ? loaded.warnings : loaded.problems
  return problems.map(({ location, severity, message }) => `${location.line}:${location.column} ${severity} ${message}`)
}

async function documentOf(yaml: string): Promise<KongDocument> {
  const loaded = await load(yaml)
  assert.ok('ir' in loaded, 'problems' in loaded ? loaded.problems.map(({ message }) => message).join('\n') : '')
  const document = loaded.kong[0]?.document
  assert.ok(document)
  return document
}

/** A file with these lines behind its format, and what is wrong with it. The first line of the block is line 2. */
const WRONG: readonly (readonly [string, string, readonly string[]])[] = [
  ['a format that is none', `x: 1`, ['2:1 error unknown field `x`']],
  ['a misspelt key', `servces: []`, ['2:1 error unknown field `servces`; did you mean `services`?']],
  [
    'a misspelt field, and another mistake in the same service',
    `services:\n  - name: a\n    hosst: b\n    retries: -1`,
    [
      '3:5 error the key `host` is missing',
      '4:5 error unknown key `hosst`; did you mean `host`? valid keys: `id`, `created_at`, `updated_at`, `tags`, `_comment`, `_ignore`, `name`, `protocol`, `host`, `port`, `path`, `url`, `retries`, `connect_timeout`, `write_timeout`, `read_timeout`, `enabled`, `tls_verify`, `tls_verify_depth`, `ca_certificates`, `client_certificate`, `routes`, `plugins`',
      '5:14 error expected at least 0, found -1',
    ],
  ],
  [
    'a name that stands twice',
    `services:\n  - { name: a, host: b }\n  - { name: a, host: c }`,
    ["4:13 error uniqueness violation: 'services' entity with name set to 'a' already declared"],
  ],
  [
    'an id that stands twice',
    `services:\n  - { name: a, host: b, id: 0855b320-0dd2-547d-891d-601e9b38647f }\n  - { name: c, host: c, id: 0855b320-0dd2-547d-891d-601e9b38647f }`,
    ["4:29 error uniqueness violation: 'services' entity with primary key set to '0855b320-0dd2-547d-891d-601e9b38647f' already declared"],
  ],
  [
    'a key of another consumer, which is not told',
    `consumers:\n  - username: a\n    keyauth_credentials: [{ key: secret-0123456789 }]\n  - username: b\n    keyauth_credentials: [{ key: secret-0123456789 }]`,
    ["6:34 error uniqueness violation: 'keyauth_credentials' entity with key set to this value already declared"],
  ],
  [
    'a reference to nothing',
    `services:\n  - { name: users, host: b }\nroutes:\n  - { name: r, paths: [/], service: user }`,
    ["5:37 error invalid reference 'service: user' (no such entry in 'services'); did you mean `users`?"],
  ],
  [
    'a second reference below an entity',
    `services:\n  - name: a\n    host: b\n    plugins:\n      - { name: cors, route: r }`,
    ['6:30 error expected nothing: an entity that stands below another refers to no more; put it at the top of the file'],
  ],
  [
    'a reference of a nested entity to what it stands below',
    `services:\n  - name: a\n    host: b\n    routes:\n      - { name: r, paths: [/], service: a }`,
    ['6:41 error expected nothing: an entity that stands below another refers to no more; put it at the top of the file'],
  ],
  [
    'two configurations of a plugin for one place',
    `services:\n  - name: a\n    host: b\n    plugins:\n      - { name: request-termination, id: 0855b320-0dd2-547d-891d-601e9b38647f }\n      - { name: request-termination, id: 0855b320-0dd2-547d-891d-601e9b386470 }`,
    ['7:17 error another plugin `request-termination` is for the same route, service and consumer: there is one for each place'],
  ],
  [
    'two configurations of a plugin for one place, without ids',
    `plugins:\n  - { name: request-termination }\n  - { name: request-termination }`,
    ['4:13 error another plugin `request-termination` is for the same route, service and consumer: there is one for each place'],
  ],
  [
    'what is wrong within a url',
    `services:\n  - { name: a, url: "ftp://a" }\n  - { name: b, url: "http://b:99999" }`,
    [
      '3:21 error protocol: expected one of `grpc`, `grpcs`, `http`, `https`, `tcp`, `tls`, `tls_passthrough`, `udp`, `ws`, `wss`, found `ftp`',
      '4:21 error port: expected at most 65535, found 99999',
    ],
  ],
  ['a credential of nobody', `acls:\n  - group: a`, ['3:5 error the key `consumer` is missing']],
  [
    'a consumer without a name',
    `consumers:\n  - tags: [a]`,
    ["3:5 error at least one of these fields must be non-empty: 'custom_id', 'username'"],
  ],
  [
    'a route that takes everything',
    `routes:\n  - name: r\n    protocols: [http]`,
    ["3:5 error must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'"],
  ],
  [
    'a gRPC route with methods that strips',
    `routes:\n  - name: r\n    protocols: [grpc]\n    paths: [/]\n    methods: [POST]\n    strip_path: true`,
    [
      "6:14 error cannot set 'methods' when 'protocols' is 'grpc' or 'grpcs'",
      "7:17 error cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'",
    ],
  ],
  [
    'protocols of several families',
    `routes:\n  - name: r\n    paths: [/]\n    protocols: [http, grpc]`,
    ["5:16 error these sets are mutually exclusive: ('http', 'https'), ('tcp', 'tls', 'udp'), ('tls_passthrough'), ('grpc', 'grpcs')"],
  ],
  [
    'server names without TLS',
    `routes:\n  - name: r\n    paths: [/]\n    protocols: [http]\n    snis: [a.example]`,
    ["6:11 error 'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'"],
  ],
  [
    'paths that are none',
    `routes:\n  - name: r\n    paths: [a, /a//b, /a/../b, "/ä", /a%2, "~a"]`,
    [
      '4:13 error should start with: / (fixed path) or ~/ (regex path)',
      '4:16 error must not have empty segments',
      "4:23 error non-normalized path, consider use '/b' instead",
      "4:32 error non-normalized path, consider use '/%C3%A4' instead",
      "4:38 error invalid url-encoded value: '%2'",
      '4:44 error should start with: / (fixed path) or ~/ (regex path)',
    ],
  ],
  [
    'hosts that are none',
    `routes:\n  - name: r\n    hosts: ["*.*", "a*b.c", "a.example:99999", "a b"]`,
    [
      '4:13 error invalid wildcard: must have at most one wildcard',
      '4:20 error invalid wildcard: must be placed at leftmost or rightmost label',
      '4:29 error invalid port number',
      '4:48 error invalid value: a b',
    ],
  ],
  [
    'an expression that Kong would not take either',
    `routes:\n  - name: r\n    paths: ["~/a(?=b)"]`,
    ['4:13 error error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
  ],
  [
    'a host among the headers',
    `routes:\n  - name: r\n    headers: { Host: [a] }`,
    ["4:22 error cannot contain 'host' header, which must be specified in the 'hosts' attribute"],
  ],
  [
    'what only goes with https',
    `services:\n  - name: s\n    url: http://a.example\n    tls_verify: true`,
    ["5:17 error value must be null for the protocol 'http'"],
  ],
  [
    'a path of a gRPC service',
    `services:\n  - { name: s, protocol: grpc, host: a, path: /x }`,
    ["3:47 error value must be null for the protocol 'grpc'"],
  ],
  [
    'streams',
    `services:\n  - { name: s, protocol: tcp, host: a }`,
    [
      '3:26 error `protocol` of service s cannot be carried over: this gateway carries HTTP and gRPC; put streams of TCP, TLS and UDP behind a proxy for them (`--skip-unsupported` leaves it out)',
    ],
  ],
  [
    'kinds that are not carried',
    `filter_chains:\n  - name: x\nkey_sets: []`,
    ['2:1 error `filter_chains` cannot be carried over: WebAssembly filters cannot be run (`--skip-unsupported` leaves it out)'],
  ],
  ['a url without a host', `services:\n  - { name: s, url: "http://" }`, ['3:21 error missing host in url']],
  [
    'a key for RS256 that is none',
    `consumers:\n  - username: a\n    jwt_secrets: [{ key: k, algorithm: RS256 }]`,
    ['4:19 error expected a public key in PEM, since `algorithm` is RS256'],
  ],
  [
    'tags with a comma',
    `services:\n  - { name: s, host: a, tags: ["a,b"] }`,
    ['3:32 error expected printable ascii (except `,` and `/`) or valid utf-8 sequences'],
  ],
  [
    'a config that the plugin does not take',
    `plugins:\n  - name: cors\n    config:\n      origin: ["*"]`,
    ['5:7 error unknown key `origin`; did you mean `origins`?'],
  ],
]

for (const [what, block, expected] of WRONG) {
  test(`2.1 ${what} is refused at its place`, async () => {
    const problems = await problemsOf(`_format_version: "3.0"\n${block}\n`)
    const told = problems.filter((problem) => problem.includes(' error '))
    assert.equal(told.length, expected.length, told.join('\n'))
    for (const [index, text] of expected.entries()) assert.ok(told[index]?.startsWith(text), `${told[index]}\nis not\n${text}`)
  })
}

test('2.1 a format is text, and one of three', async () => {
  assert.deepEqual(await problemsOf('_format_version: 3.0'), ['1:18 error expected text: write it in quotes, "3.0"'])
  assert.deepEqual(await problemsOf('_format_version: 1.1'), ['1:18 error expected text: write it in quotes, "1.1"'])
  assert.deepEqual(await problemsOf('_format_version: "4.0"'), ['1:18 error expected one of "1.1", "2.1", "3.0"'])
})

test('2.1 comments, things to ignore, tags, times and empty lists are taken everywhere', async () => {
  const document = await documentOf(`
_format_version: "3.0"
_transform: true
_comment: all of it
_ignore: [{ a: 1 }]
consumer_groups: []
services:
  - name: s
    url: http://a.example
    tags: [a, "b c", ä]
    created_at: 1700000000
    updated_at: 1700000000
    client_certificate: null
    path: null
    _comment: one
    _ignore: [b]
    routes:
      - { name: r, paths: [/], _comment: two, plugins: [] }
`)
  assert.deepEqual(document.services[0]?.fields.tags, ['a', 'b c', 'ä'])
  assert.equal(document.routes[0]?.service, document.services[0])
})

test('2.1 what decK adds at the top is taken where it changes nothing', async () => {
  assert.deepEqual(
    (await problemsOf('_format_version: "3.0"\n_workspace: a\n_info: { select_tags: [a], defaults: {} }')).filter((told) =>
      told.includes(' error '),
    ),
    [],
  )
  const [told = ''] = await problemsOf('_format_version: "3.0"\n_info: { defaults: { service: { retries: 1 } } }')
  assert.match(told, /^2:1 error `_info` of the file cannot be carried over/)
})

test('2.1 entities refer to others by name or id, from anywhere, also before they are named', async () => {
  const document = await documentOf(`
_format_version: "3.0"
plugins:
  - { name: cors, route: r, service: 0855b320-0dd2-547d-891d-601e9b38647f }
acls:
  - { group: g, consumer: alice }
targets:
  - { target: "a.example:80", upstream: pool }
routes:
  - { name: r, paths: [/], service: { id: 0855B320-0dd2-547d-891d-601e9b38647f } }
  - { name: q, paths: [/q], service: { name: s } }
services:
  - { name: s, host: pool, id: 0855b320-0dd2-547d-891d-601e9b38647f }
upstreams: [{ name: pool }]
consumers: [{ username: alice, custom_id: "7" }]
`)
  const [service] = document.services
  assert.deepEqual(
    document.routes.map((route) => route.service),
    [service, service],
  )
  assert.deepEqual(document.plugins[0]?.scope, { service, route: document.routes[0], consumer: null })
  assert.deepEqual(
    document.consumers[0]?.credentials.acls.map(({ fields }) => fields.group),
    ['g'],
  )
  assert.equal(service?.upstream?.targets[0]?.fields.target, 'a.example:80')
})

test('2.1 ids that are missing are those that Kong gives, and the same each time', async () => {
  const yaml = `
_format_version: "3.0"
services:
  - name: my-service
    url: http://a.example
    routes:
      - { name: my-route, paths: [/a] }
      - { paths: [/b] }
      - { paths: [/b] }
consumers:
  - username: my-user
    keyauth_credentials: [{ key: my-key }]
`
  const document = await documentOf(yaml)
  assert.equal(document.services[0]?.id, '0855b320-0dd2-547d-891d-601e9b38647f')
  assert.equal(document.routes[0]?.id, '481a9539-f49c-51b6-b2e2-fe99ee68866c')
  assert.equal(document.consumers[0]?.id, '4b1b701d-de2b-5588-9aa2-3b97061d9f52')
  assert.equal(document.consumers[0]?.credentials.keyAuth[0]?.id, '487ab43c-b2c9-51ec-8da5-367586ea2b61')
  const ids = document.routes.map(({ id }) => id)
  assert.equal(new Set(ids).size, 3)
  assert.deepEqual(
    (await documentOf(yaml)).routes.map(({ id }) => id),
    ids,
  )
})

test('2.1 a name that the native form cannot have is written with part of the id', async () => {
  const loaded = await load(`
_format_version: "3.0"
services:
  - { name: "käse~1", host: a.example }
consumers:
  - username: alice@example.com
`)
  assert.ok('ir' in loaded)
  assert.match(loaded.ir.services[0]?.name ?? '', /^k_se_1-[0-9a-f]{8}$/)
  assert.match(loaded.ir.consumers[0]?.name ?? '', /^alice_example\.com-[0-9a-f]{8}$/)
})

test('2.1 values of the environment are put in place of references to it, and shown as such', async () => {
  const yaml = `
_format_version: "3.0"
vaults:
  - { name: env, prefix: my-env, config: { prefix: SHOP_ } }
services:
  - { name: s, host: "{vault://env/service-host}" }
consumers:
  - username: alice
    keyauth_credentials: [{ key: "{vault://my-env/key}" }]
`
  const env = { SERVICE_HOST: 'inner.example', SHOP_KEY: 'a-key-that-is-long-enough' }
  const loaded = await load(yaml, { env })
  assert.ok('ir' in loaded, 'problems' in loaded ? loaded.problems.map(({ message }) => message).join('\n') : '')
  assert.equal(loaded.ir.services[0]?.targets[0]?.host, 'inner.example')
  const shown = JSON.stringify(loaded.display())
  assert.match(shown, /"key":"\$\{env:SHOP_KEY\}"/)
  assert.doesNotMatch(shown, /a-key-that/)
  const problems = await problemsOf(yaml, { env: { SHOP_KEY: 'x' } })
  assert.ok(problems.includes('6:22 error the environment variable `SERVICE_HOST` is not set'))
})

test('2.1 what decK puts in is put in here, and is no text that stands for itself', async () => {
  const yaml = (key: string): string => `
_format_version: "3.0"
services: [{ name: s, url: 'http://\${{ env "DECK_HOST" }}:81/x' }]
consumers: [{ username: alice, keyauth_credentials: [{ key: '${key}' }] }]
`
  const placed = (name: string): string => `\${{ env "${name}" }}`
  const env = { DECK_HOST: 'inner.example', DECK_KEY: 'a-key-that-is-long-enough', KEY: 'another' }
  const loaded = await load(yaml(placed('DECK_KEY')), { env })
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.ir.services[0]?.targets, [{ host: 'inner.example', port: 81, weight: 1 }])
  assert.match(JSON.stringify(loaded.display()), /"key":"\$\{env:DECK_KEY\}"/)
  const errorsOf = async (key: string): Promise<string[]> =>
    (await problemsOf(yaml(key), { env })).filter((problem) => problem.includes(' error '))
  assert.deepEqual(await errorsOf(placed('DECK_NONE')), ['4:61 error the environment variable `DECK_NONE` is not set'])
  assert.match((await errorsOf(placed('KEY'))).join(), /^4:61 error of what decK puts in `\$\{\{ env "DECK_NAME" \}\}` alone is taken/)
})

test('2.1 of a value whose variable is not set nothing more is said', async () => {
  const yaml = `
_format_version: "3.0"
consumers:
  - { username: alice, keyauth_credentials: [{ key: "{vault://env/key}" }] }
`
  assert.deepEqual(
    (await problemsOf(yaml)).filter((problem) => problem.startsWith('4:53 ')),
    ['4:53 error the environment variable `KEY` is not set'],
  )
})

test('2.1 what is between braces of the native form is plain text', async () => {
  const document = await documentOf(`
_format_version: "3.0"
consumers: [{ username: "\${env:HOME}", custom_id: "\${x}" }]
`)
  assert.equal(document.consumers[0]?.fields.username, `\${env:HOME}`)
})

test('2.1 other vaults than the environment are refused', async () => {
  const yaml = `
_format_version: "3.0"
vaults: [{ name: hcv, prefix: my-hcv }]
services:
  - { name: a, host: "{vault://my-hcv/host}" }
  - { name: b, host: "{vault://aws/host}" }
  - { name: c, host: "{vault://env/host/key}" }
`
  const problems = await problemsOf(yaml, { env: { HOST: '{}' } })
  assert.deepEqual(
    problems.filter((problem) => problem.includes(' error ')).map((problem) => problem.slice(0, 50)),
    [
      '5:22 error the vault `my-hcv` cannot be asked: exp',
      '6:22 error no vault has the prefix `aws`: expected',
      '7:22 error a part of a variable that holds JSON ca',
    ],
  )
})

test('2.1 a file of JSON is one as well', async () => {
  const document = await documentOf('{"_format_version": "3.0", "services": [{"name": "s", "url": "https://a.example:8443/x"}]}')
  const { protocol, host, port, path } = document.services[0]?.fields ?? {}
  assert.deepEqual([protocol, host, port, path], ['https', 'a.example', 8443, '/x'])
})

test('2.1 a Kong file and a native one are one configuration, whose listeners are those of the native one', async () => {
  const files: Readonly<Record<string, string>> = {
    'kong.yml': '_format_version: "3.0"\nservices: [{ name: s, url: "http://a.example" }]\n',
    'turnpike.yml':
      'listeners: [{ port: 9000 }]\n' +
      `routes: { r: { path: /a, service: s, policies: { headers: { response: { set: { X-A: "\${env:A}" } } } } } }\n`,
  }
  const loaded = await loadConfig(Object.keys(files), {
    policies: POLICIES,
    env: { A: 'a', KONG_PROXY_LISTEN: '0.0.0.0:7000' },
    readFile: (path) => Promise.resolve(files[path] ?? ''),
  })
  assert.ok('ir' in loaded, 'problems' in loaded ? loaded.problems.map(({ message }) => message).join('\n') : '')
  assert.deepEqual(
    loaded.ir.listeners.map(({ port }) => port),
    [9000],
  )
  assert.equal(loaded.ir.routes[0]?.service, 's')
})

test('2.1 listeners are those of Kong, or of KONG_PROXY_LISTEN and KONG_TRUSTED_IPS', async () => {
  const yaml = '_format_version: "3.0"'
  const listenersOf = async (env: Record<string, string>) => {
    const loaded = await load(yaml, { env })
    return 'ir' in loaded ? loaded.ir.listeners.map(({ host, port, trustedProxies }) => ({ host, port, trustedProxies })) : loaded.problems
  }
  assert.deepEqual(await listenersOf({}), [{ host: '0.0.0.0', port: 8000, trustedProxies: [] }])
  assert.deepEqual(
    await listenersOf({ KONG_PROXY_LISTEN: '127.0.0.1:80 reuseport backlog=16384, [::1]:81', KONG_TRUSTED_IPS: '10.0.0.0/8,::1' }),
    [
      { host: '127.0.0.1', port: 80, trustedProxies: ['10.0.0.0/8', '::1'] },
      { host: '::1', port: 81, trustedProxies: ['10.0.0.0/8', '::1'] },
    ],
  )
  assert.match(JSON.stringify(await listenersOf({ KONG_PROXY_LISTEN: 'nowhere' })), /`KONG_PROXY_LISTEN`: expected `address:port`/)
  assert.match(JSON.stringify(await listenersOf({ KONG_PROXY_LISTEN: '0.0.0.0:80 proxy_protocol' })), /expected `address:port`/)
  assert.match(JSON.stringify(await listenersOf({ KONG_PROXY_LISTEN: '0.0.0.0:443 ssl' })), /nothing is listened on/)
})

test('2.5 with trusted proxies it is told that X-Real-IP does not say who the client is', async () => {
  const noteOf = async (env: Record<string, string>): Promise<string | undefined> =>
    (await problemsOf('_format_version: "3.0"', { env })).find((problem) => problem.includes('KONG_TRUSTED_IPS'))
  assert.match((await noteOf({ KONG_TRUSTED_IPS: '10.0.0.0/8' })) ?? '', /`X-Real-IP` by default/)
  assert.match((await noteOf({ KONG_TRUSTED_IPS: '::1', KONG_REAL_IP_HEADER: 'CF-Connecting-IP' })) ?? '', /`X-Forwarded-For`/)
  assert.equal(await noteOf({ KONG_TRUSTED_IPS: '::1', KONG_REAL_IP_HEADER: 'x-forwarded-for' }), undefined)
  const told = async (env: Readonly<Record<string, string>>) =>
    (await problemsOf('_format_version: "3.0"', { env })).filter((problem) => problem.includes('of the settings of a node')).length
  assert.equal(await told({ KONG_NGINX_PROXY_CLIENT_MAX_BODY_SIZE: '1m', KONG_HEADERS: 'off' }), 1)
  assert.equal(await told({ KONG_MY_SECRET: 'a', KONG_PROXY_LISTEN: '0.0.0.0:1' }), 0)
  assert.equal(await noteOf({}), undefined)
})

test('2.1 a file that looks like one of Kong and does not say so is told what it lacks', async () => {
  assert.deepEqual(await problemsOf('services:\n  - { name: s, url: "http://a.example" }'), [
    '1:1 error `services` is a list, as in files of Kong: such a file says `_format_version: "3.0"` at its top; in the native form it is a map by name',
  ])
})
