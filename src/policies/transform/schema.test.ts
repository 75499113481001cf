import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { problemsOf } from '../testing.ts'
import { transform } from './policy.ts'

test('a template that a cache would keep from the first request is told', async () => {
  const reviewed = async (response: object, kinds: readonly string[]) => {
    const around = {
      optionsOf: (kind: string) => (kinds.includes(kind) ? {} : undefined),
      authenticates: false,
      stores: new Set<never>(),
      consumers: new Set<string>(),
      clientCertificates: false,
    }
    return transform.review?.((await transform.loadSchema()).parse({ response }), around).map(({ message }) => message.slice(0, 36))
  }
  const response = { body: { set: { '/a': ['id: {request.id}'] } } }
  assert.deepEqual(await reviewed(response, ['cache']), ['`cache` keeps what `{request.id}` wa'])
  assert.deepEqual(await reviewed(response, []), [])
  assert.deepEqual(await reviewed({ headers: { set: { 'X-A': '{route} {claim.sub}' } } }, ['cache']), [])
})

test('a request that a cache would take for another one is told', async () => {
  const reviewed = async (request: object, cache: object) => {
    const around = {
      optionsOf: (kind: string) => (kind === 'cache' ? cache : undefined),
      authenticates: false,
      stores: new Set<never>(),
      consumers: new Set<string>(),
      clientCertificates: false,
    }
    const remarks = transform.review?.((await transform.loadSchema()).parse({ request }), around) ?? []
    return remarks.map(({ message }) => /look at `(.*?)`/.exec(message)?.[1])
  }
  const byHeader = { path: '/tenants/{header.X-Tenant}/{param.id}' }
  const byCaller = { query: { set: { t: '{claim.tid}' } }, headers: { set: { 'X-User': '{user}', 'X-Id': '{request.id}' } } }
  const cases: readonly (readonly [object, object, readonly string[]])[] = [
    [byHeader, {}, ['{header.X-Tenant}']],
    [byHeader, { keyHeaders: ['x-tenant'] }, []],
    [byHeader, { ttl: 1000 }, ['{header.X-Tenant}']],
    [byCaller, {}, ['{claim.tid}', '{user}']],
    [byCaller, { ttl: 1000, shareAuthenticated: true }, ['{claim.tid}', '{user}']],
    // Each caller has answers of its own.
    [byCaller, { ttl: 1000, shareAuthenticated: false }, []],
    [{ query: { add: { ip: '{client.ip}' } } }, { ttl: 1000 }, ['{client.ip}']],
    // A request with a body is none that a cache answers.
    [{ body: { set: { '/a': '{header.X-Tenant}' } } }, {}, []],
  ]
  for (const [request, cache, expected] of cases)
    assert.deepEqual(await reviewed(request, cache), expected, JSON.stringify([request, cache]))
})

test('options that cannot be meant are refused, with what was expected', async () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ request: { path: '/v2/{params.id}' } }, /did you mean `param\.id`/],
    [{ request: { path: 'v2' } }, /normal form/],
    [{ request: { path: '/v2/../x' } }, /normal form/],
    [{ request: { path: '/v2?x=1' } }, /normal form/],
    [{ request: { path: '/{response.status}' } }, /not known before/],
    [{ request: { method: 'HEAD' } }, /HEAD/],
    [{ request: { method: 'put' } }, /capitals/],
    [{ request: { headers: { set: { 'Content-Length': '1' } } } }, /only the gateway/],
    [{ request: { headers: { set: { 'X-A': '{upstream.status}' } } } }, /not known before/],
    [{ request: { headers: { set: { 'X-A': 'a\r\nb' } } } }, /printable/],
    [{ request: { headers: { set: { 'x-a': '1', 'X-A': '2' } } } }, /case/],
    [{ request: { headers: { rename: { a: 'b', b: 'c' } } } }, /renamed itself/],
    [{ request: { headers: { rename: { a: 'c', b: 'C' } } } }, /once/],
    [{ request: { query: { set: { a: '{clam.sub}' } } } }, /did you mean `claim\.sub`/],
    [{ request: { body: { remove: ['a'] } } }, /JSON pointer/],
    [{ request: { body: { remove: ['/a~2'] } } }, /JSON pointer/],
    [{ request: { body: { rename: { '/a/*': 'b' } } } }, /last `\*`/],
    [{ request: { body: { rename: { '/*/a': '/b' } } } }, /same object/],
    [{ request: { body: { rename: { '/a': '/b/*' } } } }, /without `\*`/],
    [{ request: { body: { unwrap: '/a/*' } } }, /without `\*`/],
    [{ request: { body: { set: { '/a': ['{claims.sub}'] } } } }, /did you mean `claim\.sub`/],
    [{ request: { body: { set: { '/a': '{body.a}' } } } }, /as in `\{body\./],
    [{ request: { body: { set: { '/a': '{body./a/*}' } } } }, /without `\*`/],
    [{ request: { body: { set: { '/a': { b: '{response.status}' } } } } }, /not known before/],
    [{ request: { body: { set: { '/a': () => 1 } } } }, /expected JSON/],
    [{ request: { body: { template: {}, wrap: 'a' } } }, /stands alone/],
    [{ response: { body: { template: '{body}', set: { '/a': 1 } } } }, /stands alone/],
    [{ response: { status: { map: { 200: 204 } } } }, /framed/],
    [{ response: { status: { map: { 304: 200 } } } }, /framed/],
    [{ response: { status: { map: { 99: 200 } } } }, /200 to 599/],
    [{ response: { status: { preset: 'gateway-error' } } }, /did you mean `gateway-errors`/],
    [{ response: { body: { statuses: ['9xx'] } } }, /class/],
  ]
  const schema = await transform.loadSchema()
  for (const [options, expected] of cases) {
    // With what is said of keys: it stands inside the issue of their map.
    const said = inspect(schema.safeParse(options).error?.issues, { depth: 9, breakLength: Number.POSITIVE_INFINITY })
    assert.match(said, expected, JSON.stringify(options))
  }
  const fine = [
    { response: { body: { template: { a: '{body./b}', status: '{upstream.status}' }, statuses: ['5xx'] } } },
    { request: { body: { template: null } } },
  ]
  for (const options of fine) assert.deepEqual(await problemsOf(transform, options), [], JSON.stringify(options))
})
