/** What the admin listener of a real gateway says of requests that nobody has sent, and of recorded ones, on two listeners. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { explanationSchema } from '../../src/admin/explain-schema.ts'
import { z } from '../../src/core/schema.ts'
import type { WhatIf } from '../../src/runtime/decisions/desk.ts'
import type { Explanation } from '../../src/runtime/explain.ts'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { GatewayProcess } from './gateway-process.ts'

const options = { skip: certificatesMissing, timeout: 60_000 }
const READER = 'token-that-may-look'
const KEY = 'key-of-the-mobile-app-0001'

const config = ({ cert, key }: { readonly cert: string; readonly key: string }): string => `
listeners:
  - { name: plain, host: 127.0.0.1, port: 0 }
  - name: secure
    host: 127.0.0.1
    port: 0
    tls: { certificates: [{ cert: ${JSON.stringify(cert)}, key: ${JSON.stringify(key)} }] }
admin: { port: 0, tokens: [{ name: reader, token: ${READER} }] }
workers: 1
accessLog: false
consumers: { mobile: { keys: ['${KEY}'] } }
services: { shop: { targets: ["127.0.0.1:1"] } }
routes:
  beta: { path: /beta/*, headers: { X-Beta: '1' }, service: shop }
  keyed: { path: /keyed/*, service: shop, policies: { api-key: { from: ['header:X-Partner', 'query:k'] } } }
  limited: { path: /limited/*, service: shop, policies: { rate-limit: { by: ip, window: hour, limit: 1 } } }
  open: { path: /open/:id, method: [GET, POST], service: shop }
`

interface Problem {
  readonly detail: string
}

class Rig {
  readonly gateway: GatewayProcess

  constructor(gateway: GatewayProcess) {
    this.gateway = gateway
  }

  static async start(t: TestContext): Promise<Rig> {
    return new Rig(await new GatewayProcess(t, { config: config(new Authority().forServer()) }).ready())
  }

  async post<T>(path: string, body: unknown): Promise<{ readonly status: number; readonly json: T }> {
    const response = await fetch(`${this.gateway.adminUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${READER}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, json: (await response.json()) as T }
  }

  async explain(request: object): Promise<Explanation> {
    const { status, json } = await this.post<Explanation>('/explain', { method: 'GET', host: 'shop.example', ...request })
    assert.equal(status, 200, JSON.stringify(json))
    return json
  }

  /** Over the first listener, or over the second, which has TLS. @returns the id of the request */
  async send(path: string, scheme: 'http' | 'https', headers: Record<string, string> = {}): Promise<string> {
    const [plain = '', secure = ''] = this.gateway.urls
    const { port } = new URL(scheme === 'http' ? plain : secure)
    const target = { host: '127.0.0.1', port, path, headers: { host: 'shop.example', ...headers }, agent: false }
    const request = (scheme === 'http' ? httpRequest(target) : httpsRequest({ ...target, rejectUnauthorized: false })).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    await text(response)
    return String(response.headers['x-request-id'])
  }
}

test('a described request is explained as on the command line, and changes nothing', options, async (t) => {
  const rig = await Rig.start(t)
  const open = await rig.explain({ path: '/open/7?page=2', headers: { Accept: ['a/b', 'c/d'], Cookie: 'a=secret' } })
  assert.deepEqual([open.route?.name, open.route?.captures], ['open', { id: '7' }])
  assert.equal(open.service?.head[0], 'GET /open/7?page=2 HTTP/1.1')
  assert.equal(open.service?.head.filter((line) => line.startsWith('Accept: ')).length, 2)
  assert.doesNotMatch(JSON.stringify(open), /a=secret/)

  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
  const args = ['explain', rig.gateway.configFile, 'GET', '/open/7?page=2', '-H', 'Host: shop.example', '-H', 'Accept: a/b']
  const printed = await promisify(execFile)(process.execPath, [main, ...args, '-H', 'Accept: c/d', '-H', 'Cookie: a=secret', '--json'])
  const { revision, ...told } = open as Explanation & { revision: string }
  // The port is picked when the gateway starts.
  const withPort = printed.stdout.replaceAll(/(x-forwarded-port: )0/gi, `$1${new URL(rig.gateway.url).port}`)
  assert.deepEqual(told, JSON.parse(withPort))
  assert.equal(revision, rig.gateway.revision)

  const near = await rig.explain({ path: '/beta/x' })
  assert.deepEqual([near.route, near.answer?.code], [null, 'route_not_found'])
  assert.deepEqual(near.nearMisses[0], { route: 'beta', failed: 'headers', message: 'header x-beta: expected 1, was absent' })
  const large = await rig.explain({
    path: '/open/7',
    headers: Object.fromEntries(['X-A', 'X-B', 'X-C', 'X-D', 'X-E'].map((name) => [name, 'x'.repeat(8_000)])),
  })
  assert.equal(large.answer?.code, 'request_head_too_large')

  for (let i = 0; i < 3; i++) assert.equal((await rig.explain({ path: '/limited/a' })).answer, null, 'no limit is taken')
  const schema = z.strictObject({ ...explanationSchema().shape, revision: z.string() })
  for (const explanation of [open, near, large]) schema.parse(explanation)
})

test('a described request comes by the listener, the scheme and from the client that it names', options, async (t) => {
  const rig = await Rig.start(t)
  const by = async (request: object) => {
    const { request: told, service } = await rig.explain({ path: '/open/7', ...request })
    const proto = service?.head.find((line) => /^x-forwarded-proto:/i.test(line))
    return [told.listener, told.scheme, proto?.slice(proto.indexOf(' ') + 1)]
  }
  assert.deepEqual(await by({}), ['plain', 'http', 'http'])
  assert.deepEqual(await by({ scheme: 'https' }), ['secure', 'https', 'https'])
  assert.deepEqual(await by({ listener: 'secure' }), ['secure', 'https', 'https'])
  const { service } = await rig.explain({ path: '/open/7', client: '2001:db8::7' })
  assert.ok(service?.head.some((line) => /^x-forwarded-for: 2001:db8::7$/i.test(line)))
})

test('what is no request is refused with a sentence', options, async (t) => {
  const rig = await Rig.start(t)
  const right = { method: 'GET', host: 'shop.example', path: '/' }
  const cases: [unknown, RegExp][] = [
    ['{', /not JSON that can be read in one way/],
    ['{"method":"GET","method":"PUT","host":"a","path":"/"}', /not JSON that can be read in one way/],
    [[], /^expected a map, found a list\.$/],
    [{ ...right, host: undefined }, /^host: /],
    [{ ...right, method: 'GE T' }, /^"GE T" is no method\.$/],
    [{ ...right, path: 'a' }, /^path: expected a path that begins with \//],
    [{ ...right, path: '/a#b' }, /^path: expected a path/],
    [{ ...right, host: 'a b' }, /^host: expected a host/],
    [{ ...right, scheme: 'ftp' }, /^scheme: expected one of `http`, `https`/],
    [{ ...right, client: 'localhost' }, /^client: expected an IP address\.$/],
    [{ ...right, listener: 'nobody' }, /^There is no listener "nobody"; there is plain, secure\.$/],
    [{ ...right, listener: 'plain', scheme: 'https' }, /^The listener plain speaks http\.$/],
    [{ ...right, headers: { 'X A': 'b' } }, /is no header: expected 'Name: value'\.$/],
    [{ ...right, headers: { 'X-A': 'b\r\nX-B: c' } }, /is no header/],
    [{ ...right, headers: { 'X-A': 7 } }, /^headers\.X-A: /],
    [{ ...right, headers: { HOST: 'b' } }, /^headers: the host stands in `host`\.$/],
    [{ ...right, headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`X-${i}`, ''])) }, /at most 100 entries/],
    [{ ...right, pth: '/' }, /unknown key `pth`; did you mean `path`/],
  ]
  for (const [body, sentence] of cases) {
    const { status, json } = await rig.post<Problem>('/explain', body)
    assert.equal(status, 400, JSON.stringify(body))
    assert.match(json.detail, sentence)
  }
  assert.equal((await rig.post('/explain', { ...right, headers: { 'X-A': 'x'.repeat(65_536) } })).status, 413)
})

test('a recorded request is judged again by its own listener, and shows nobody its credentials', options, async (t) => {
  const rig = await Rig.start(t)
  const whatIf = async (id: string, headers: object): Promise<WhatIf> => {
    const { status, json } = await rig.post<WhatIf>(`/decisions/${id}/if`, { headers })
    assert.equal(status, 200, JSON.stringify(json))
    return json
  }
  for (const [scheme, listener] of [
    ['http', 'plain'],
    ['https', 'secure'],
  ] as const) {
    const { before, differences } = await whatIf(await rig.send('/open/7', scheme), { 'X-Beta': '1' })
    assert.deepEqual([before.request.listener, before.request.scheme], [listener, scheme])
    assert.ok(before.service?.head.some((line) => line.toLowerCase() === `x-forwarded-proto: ${scheme}`))
    assert.deepEqual(differences, [{ what: 'header x-beta sent to the service', before: 'absent', after: '1' }])
  }
  const keyed = await whatIf(await rig.send('/keyed/7?password=hunter2&k=no-such', 'http', { 'X-Partner': KEY, Cookie: 'sid=hunter3' }), {
    'X-Partner': null,
  })
  assert.ok(keyed.differences.some(({ what }) => what === 'policy api-key'))
  assert.doesNotMatch(JSON.stringify(keyed), new RegExp(`${KEY}|hunter|no-such`))
})
