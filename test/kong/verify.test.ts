/** `turnpike import --verify`: both forms of a Kong file, run beside each other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadText } from '../../src/cli/load-text.ts'
import { REQUESTS_MAX, requestsFor } from '../../src/cli/verify/requests.ts'
import { type Verified, verify } from '../../src/cli/verify/verify-command.ts'
import type { KongTranslation } from '../../src/config/formats/kong/index.ts'
import { nativeText } from '../../src/config/formats/kong/native-text.ts'
import type { Loaded } from '../../src/config/load.ts'
import { POLICIES } from '../../src/policies/index.ts'

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'kong')

async function loaded(file: string, text: string): Promise<Loaded> {
  const found = await loadText(file, text, { policies: POLICIES, env: { KONG_PROXY_LISTEN: '127.0.0.1:0' } })
  return 'ir' in found ? found : assert.fail(JSON.stringify(found.problems))
}

async function translated(text: string): Promise<readonly [Loaded, KongTranslation]> {
  const kong = await loaded('kong.yml', text)
  const [translation] = kong.kong
  return translation === undefined ? assert.fail('no Kong file') : [kong, translation]
}

/** @param change of the native form, as a mistake of whoever goes on with it */
async function verified(text: string, change: (native: string) => string = (native) => native): Promise<Verified> {
  const [kong, translation] = await translated(text)
  const native = await loaded('native.yaml', change(nativeText('kong.yml', translation)))
  return verify(translation, kong.ir, native.ir)
}

/** Nobody has credentials there. */
const NEVER_PROXIED: ReadonlySet<string> = new Set(['any-authenticates-with-anonymous', 'many-plugins-in-any-order'])

for (const name of [
  'mission',
  'scope-all-of-them',
  'any-authenticates-with-anonymous',
  'many-plugins-in-any-order',
  'consumer-jwt-hs',
  'consumer-hmac',
  'plugin-correlation-id-tracker',
  'plugin-request-transformer-body',
  'plugin-rate-limiting-second',
  'route-path-regex',
  'upstream-hash-header',
  'plugin-ip-restriction-both',
  'route-sni',
  'file-names-beyond-ascii',
]) {
  test(`both forms of ${name} answer the same`, async () => {
    const { requests, proxied, differing } = await verified(readFileSync(join(GOLDEN, `${name}.yml`), 'utf8'))
    assert.ok(requests >= 20)
    assert.ok(proxied > 0 || NEVER_PROXIED.has(name), 'no request came to a service')
    assert.deepEqual(differing, [])
  })
}

const KONG = `
_format_version: "3.0"
services:
  - name: a
    url: http://a.internal/base
    routes: [{ name: r, paths: [/a] }]
    plugins:
      - { name: key-auth }
      - { name: rate-limiting, config: { minute: 3 } }
consumers: [{ username: app, keyauth_credentials: [{ key: a-key-of-the-application }] }]
`

for (const [what, from, to, expected] of [
  ['a path of the service', 'basePath: /base', 'basePath: /other', 'request line to the service'],
  ['a limit', 'limit: 3', 'limit: 4', 'header x-ratelimit-limit-minute'],
  ['a path of a route', '~/a"', '~/b"', 'status'],
  ['a credential', 'key: a-key-of', 'key: b-key-of', 'status'],
  ['who the service is told calls', 'consumerId: X-Consumer-ID', 'consumerId: X-Id', 'header to the service x-consumer-id'],
] as const) {
  test(`a difference in ${what} is found`, async () => {
    const { differing } = await verified(KONG, (native) => {
      assert.ok(native.includes(from), native)
      return native.replace(from, to)
    })
    const found = new Set(differing.flatMap(({ differences }) => differences.map((difference) => difference.what)))
    assert.ok(found.has(expected), [...found].join('\n'))
  })
}

test('the requests are the same each time, and no more than there may be, however large the file is', async () => {
  const routes = Array.from({ length: 400 }, (_, index) => `      - { name: r${index}, paths: [/p${index}], hosts: ["h${index}.example"] }`)
  const [, { document }] = await translated(
    `_format_version: "3.0"\nservices:\n  - name: a\n    url: http://a.internal\n    routes:\n${routes.join('\n')}\n`,
  )
  const told = () => requestsFor(document).map(({ name, method, target, host }) => `${name} ${method} ${target} ${host}`)
  assert.equal(told().length, REQUESTS_MAX)
  assert.deepEqual(told(), told())
  assert.ok(new Set(told().map((line) => line.split(':')[0])).size > 200)
})
