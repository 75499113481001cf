/** Decision records of a real gateway of two workers: what `turnpike why` and the admin listener say of requests of all kinds. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { DecisionRecord, DecisionSummary } from '../../src/core/decision.ts'
import { GatewayProcess } from './gateway-process.ts'

const TIMEOUT = 60_000
const TOKEN = 'token-of-the-test'
const SECRET = 'a debug secret of the test'
const KEY = 'key-of-the-mobile-app-0001'

/** Answers 503 to every odd request below `/flaky`, and tells the headers it got. */
async function startService(t: TestContext): Promise<number> {
  let flaky = 0
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/flaky') === true && flaky++ % 2 === 0) return void response.writeHead(503).end()
    response.setHeader('Cache-Control', 'max-age=600').end(JSON.stringify(request.headers))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const config = (port: number): string => `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
workers: 2
accessLog: false
decisions: { debugSecret: ${SECRET} }
consumers: { mobile: { keys: ['${KEY}'] } }
services:
  shop: { targets: ["127.0.0.1:${port}"] }
  gone: { targets: ["127.0.0.1:1"] }
routes:
  beta: { path: /beta/*, headers: { X-Beta: '1' }, service: shop }
  keyed: { path: /keyed/*, service: shop, policies: { api-key: { from: ['header:X-Partner'] }, authorize: { groups: { allow: [staff] } } } }
  inner: { path: /inner/*, service: shop, policies: { ip-access: { allow: [10.0.0.0/8] } } }
  limited: { path: /limited/*, service: shop, policies: { rate-limit: { by: ip, window: hour, limit: 1 } } }
  trial: { path: /trial/*, service: shop, policies: { ip-access: { mode: shadow, allow: [10.0.0.0/8] } } }
  checked: { path: /checked/*, service: shop, policies: { request-validation: { query: { required: [page] } } } }
  flaky: { path: /flaky/*, service: shop, retry: { attempts: 3, statuses: [503], backoffBase: 1ms } }
  cached: { path: /cached/*, service: shop, policies: { cache: {} } }
  fallen: { path: /fallen/*, service: gone, fallback: { response: { status: 200, body: sorry } } }
  open: { path: /open/*, service: shop }
`

/** Counted from 1. */
const LINE_OF_INNER =
  config(0)
    .split('\n')
    .findIndex((line) => line.includes('inner:')) + 1

interface Answered {
  readonly id: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

class Rig {
  readonly #gateway: GatewayProcess

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway
  }

  /** Over a connection of its own, so that any worker may answer. */
  async send(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answered> {
    const { port } = new URL(this.#gateway.url)
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { host: 'shop.example', ...headers },
      agent: false,
    }).end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const body = await text(response)
    return { id: String(response.headers['x-request-id']), status: response.statusCode ?? 0, headers: response.headers, body }
  }

  async admin(path: string, body: unknown = null): Promise<{ readonly status: number; readonly json: unknown }> {
    const response = await fetch(`${this.#gateway.adminUrl}${path}`, {
      method: body === null ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: body === null ? null : JSON.stringify(body),
    })
    return { status: response.status, json: await response.json() }
  }

  async why(path: string, headers: Record<string, string> = {}): Promise<Found> {
    const { id } = await this.send(path, headers)
    const { status, json } = await this.admin(`/decisions/${id}`)
    assert.equal(status, 200, JSON.stringify(json))
    return json as Found
  }

  async list(query: string): Promise<readonly DecisionSummary[]> {
    const { json } = await this.admin(`/decisions?${query}`)
    return (json as { decisions: DecisionSummary[] }).decisions
  }

  /** What the command prints. */
  async command(...args: readonly string[]): Promise<string> {
    const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
    const env = { ...process.env, TURNPIKE_ADMIN_TOKEN: TOKEN, NO_COLOR: '1' }
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'why', ...args, '--admin', this.#gateway.adminUrl], { env })
    return stdout
  }
}

interface Found {
  readonly record: DecisionRecord
  readonly nearMisses: readonly { readonly route: string; readonly failed: string; readonly message: string }[] | null
}

async function start(t: TestContext): Promise<{ readonly rig: Rig; readonly gateway: GatewayProcess }> {
  const gateway = await new GatewayProcess(t, { config: config(await startService(t)) }).ready()
  return { rig: new Rig(gateway), gateway }
}

function policy({ record }: Found, kind: string): string {
  const found = record.policies.find((one) => one.kind === kind)
  return found === undefined ? 'none' : [found.verdict, found.answer, ...found.notes].filter((part) => part !== null).join(' | ')
}

test('refusals are told with the policy, its place, and what it looked at', { timeout: TIMEOUT }, async (t) => {
  const { rig, gateway } = await start(t)
  const inner = await rig.why('/inner/a')
  assert.equal(policy(inner, 'ip-access'), 'answered | address_denied | client 127.0.0.1 is not in `allow`')
  assert.deepEqual(inner.record.answer, {
    from: { by: 'policy', kind: 'ip-access' },
    status: 403,
    error: 'address_denied',
    grpcStatus: null,
  })
  const place = inner.record.policies.find(({ kind }) => kind === 'ip-access')
  assert.deepEqual([place?.scope, place?.at.file, place?.at.line], ['route inner', gateway.configFile, LINE_OF_INNER])

  const noKey = await rig.why('/keyed/a', { 'x-partner': 'no such key' })
  assert.equal(policy(noKey, 'api-key'), 'answered | credentials_invalid | a key that no consumer has')
  assert.equal(policy(noKey, 'authorize'), 'not reached')
  assert.doesNotMatch(JSON.stringify(noKey), /no such key/)
  const notStaff = await rig.why('/keyed/a', { 'x-partner': KEY })
  assert.match(policy(notStaff, 'api-key'), /^passed \| key \S+ of consumer mobile$/)
  assert.match(policy(notStaff, 'authorize'), /^answered \| (consumer|permission)_denied \| /)
  assert.equal(notStaff.record.caller?.consumer, 'mobile')
  assert.doesNotMatch(JSON.stringify(notStaff), new RegExp(KEY))

  await rig.send('/limited/a')
  const limited = await rig.why('/limited/a')
  assert.match(policy(limited, 'rate-limit'), /^answered \| rate_limited \| limit ip is used up: wait \d+ s$/)
  assert.equal(limited.record.limit?.admitted, false)

  const checked = await rig.why('/checked/a')
  assert.match(policy(checked, 'request-validation'), /^answered \| request_invalid \| checked against schema \| query \/page is required$/)

  assert.deepEqual(
    (await rig.list('error=rate_limited')).map(({ route, policy }) => [route, policy]),
    [['limited', 'rate-limit']],
  )
  assert.deepEqual(
    (await rig.list('consumer=mobile')).map(({ status }) => status),
    [403],
  )
  assert.deepEqual(new Set((await rig.list('status=4xx')).map(({ route }) => route)), new Set(['inner', 'keyed', 'limited', 'checked']))
})

test('tries, hits, fallbacks and shadows are told', { timeout: TIMEOUT }, async (t) => {
  const { rig } = await start(t)
  const flaky = await rig.why('/flaky/a')
  assert.deepEqual(
    flaky.record.attempts.map(({ status }) => status),
    [503, 200],
  )
  assert.ok((flaky.record.attempts[1]?.offsetMs ?? 0) > 0)
  assert.deepEqual(flaky.record.answer.from, { by: 'service' })

  // Each worker keeps responses of its own: one of the first three is a hit.
  const looks = [await rig.why('/cached/a'), await rig.why('/cached/a'), await rig.why('/cached/a')]
  assert.equal(looks[0]?.record.cache, 'nothing stored')
  const hit = looks.find(({ record }) => record.attempts.length === 0)
  assert.match(hit?.record.cache ?? '', /^hit, \d+ s old$/)
  assert.deepEqual(hit?.record.answer.from, { by: 'policy', kind: 'cache' })

  const fallen = await rig.why('/fallen/a')
  assert.deepEqual(
    [fallen.record.fallback, fallen.record.answer.from.by, fallen.record.attempts[0]?.error],
    ['response', 'fallback', 'upstream_connect_refused'],
  )

  const trial = await rig.why('/trial/a')
  assert.equal(policy(trial, 'ip-access'), 'would have answered | address_denied | client 127.0.0.1 is not in `allow`')
  assert.equal(trial.record.answer.status, 200)
  assert.deepEqual(
    (await rig.list('policy=ip-access')).map(({ route }) => route),
    ['trial'],
  )
})

test('what found no route is told with the predicate it failed on, also after reloads, and what would be different', {
  timeout: TIMEOUT,
}, async (t) => {
  const { rig, gateway } = await start(t)
  const { id } = await rig.send('/beta/a')
  const first = await rig.admin(`/decisions/${id}`)
  const { nearMisses, record } = first.json as Found
  assert.equal(record.route, null)
  assert.deepEqual(nearMisses?.[0], { route: 'beta', failed: 'headers', message: 'header x-beta: expected 1, was absent' })

  const printed = await rig.command(id)
  assert.match(printed, /GET shop\.example\/beta\/a\n404 route_not_found from the gateway/)
  assert.match(printed, /not beta +header x-beta: expected 1, was absent/)
  const whatIf = await rig.command(id, '--if', 'X-Beta: 1')
  assert.match(whatIf, /route\n {2}- none\n {2}\+ beta\n/)
  assert.match(whatIf, /answer\n {2}- 404 route_not_found from the gateway\n {2}\+ what shop answers/)
  assert.match(await rig.command(id, '--if', 'X-Other: 1'), /Nothing would be different\./)

  gateway.writeConfig(config(1).replace("'1' }, service: shop }", "'2' }, service: shop }"))
  gateway.child.kill('SIGHUP')
  await gateway.logged('a new configuration is in force')
  const again = (await rig.admin(`/decisions/${id}`)).json as Found
  assert.equal(again.record.revision, record.revision)
  assert.deepEqual(again.nearMisses?.[0], nearMisses?.[0])
  assert.match(await rig.command(id, '--if', 'X-Beta: 1'), /Nothing would be different\./)
})

test('what is not kept, or is no request, is told too', { timeout: TIMEOUT }, async (t) => {
  const { rig, gateway } = await start(t)
  const none = await rig.admin('/decisions/nobody')
  assert.equal(none.status, 404)
  assert.match((none.json as { detail: string }).detail, /No record of "nobody" is kept\. There are no records/)
  await assert.rejects(rig.command('nobody'), /No record of "nobody" is kept/)

  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.write('GET /a b HTTP/1.1\r\nHost: h\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 400 /)
  const [summary] = await rig.list('error=request_malformed')
  assert.ok(summary)
  assert.deepEqual([summary.path, summary.route, summary.status], ['', '', 400])
  assert.match(await rig.command(summary.requestId), /none was looked for/)

  // It has a path, and nobody knows of which host.
  const hostless = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  hostless.write('GET /keyed/a HTTP/1.1\r\nHost: "><b>\r\n\r\n')
  assert.match(await text(hostless), /^HTTP\/1\.1 400 /)
  const [other] = await rig.list('path=/keyed/a')
  assert.ok(other)
  assert.match(await rig.command(other.requestId), /none was looked for/)
  const { json } = await rig.admin(`/decisions/${other.requestId}`)
  assert.equal((json as { nearMisses: unknown }).nearMisses, null)
  assert.equal((await rig.admin(`/decisions/${summary.requestId}/if`, { headers: { 'X-A': 'b' } })).status, 400)
})

test('a signed request has its record in the head of the response, and the service sees no signature', { timeout: TIMEOUT }, async (t) => {
  const { rig } = await start(t)
  const expiry = Math.floor(Date.now() / 1_000) + 60
  const sign = (path: string, secret = SECRET): string =>
    `${expiry}.${createHmac('sha256', secret).update(`${expiry} GET shop.example ${path}`).digest('hex')}`
  const { headers, id, body } = await rig.send('/open/a?x=1', { 'Turnpike-Debug': sign('/open/a') })
  const told = JSON.parse(Buffer.from(String(headers['turnpike-decision']), 'base64url').toString()) as DecisionRecord
  assert.deepEqual([told.requestId, told.route?.name, told.answer.status], [id, 'open', 200])
  assert.doesNotMatch(body, /turnpike-debug/i)

  const refused = await rig.send('/inner/a', { 'Turnpike-Debug': sign('/inner/a') })
  assert.match(Buffer.from(String(refused.headers['turnpike-decision']), 'base64url').toString(), /address_denied/)
  for (const value of [sign('/other'), sign('/open/a', 'another secret of the same'), 'nonsense']) {
    const answer = await rig.send('/open/a', { 'Turnpike-Debug': value })
    assert.equal(answer.headers['turnpike-decision'], undefined)
    assert.doesNotMatch(answer.body, /turnpike-debug/i)
  }
})
