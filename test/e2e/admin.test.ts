/** The admin API of a real gateway of two workers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { GatewayProcess } from './gateway-process.ts'

const TIMEOUT = 60_000
const READER = 'token-that-reads'
const WRITER = 'token-that-writes'

async function startService(t: TestContext): Promise<number> {
  const server = createServer((request, response) => void response.end(String(request.socket.localPort)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const config = (ports: readonly number[], more = ''): string => `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, tokens: [{ name: board, token: ${READER} }, { name: ops, token: ${WRITER}, role: write }] }
workers: 2
accessLog: false
services: { shop: { breaker: { failures: 3, recovery: 1h }, targets: [${ports.map((port) => `"127.0.0.1:${port}"`).join(', ')}] } }
consumers: { mobile: { groups: [apps], keys: [{ id: k1, key: key-of-the-mobile-app-0001 }] } }
routes:
  open: { path: /open/*, service: shop }
${more}`

class Rig {
  readonly gateway: GatewayProcess

  constructor(gateway: GatewayProcess) {
    this.gateway = gateway
  }

  static async start(t: TestContext, ports?: readonly number[]): Promise<Rig> {
    return new Rig(await new GatewayProcess(t, { config: config(ports ?? [await startService(t)]) }).ready())
  }

  async ask(method: string, path: string, sent: { token?: string; body?: string; headers?: Record<string, string> } = {}) {
    const { token = WRITER, body, headers = {} } = sent
    const type = body === undefined && method === 'GET' ? {} : { 'content-type': 'application/json' }
    const response = await fetch(this.gateway.adminUrl + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...type, ...headers },
      ...(body !== undefined && { body }),
    })
    return {
      status: response.status,
      headers: response.headers,
      json: (await response.json()) as Record<string, unknown> & { detail?: string },
    }
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    // A connection of its own, so that any worker may answer.
    const response = await fetch(this.gateway.url + path, { headers: { connection: 'close' } })
    return { status: response.status, text: await response.text() }
  }
}

test('a configuration is validated, compared, applied, listed and rolled back', { timeout: TIMEOUT }, async (t) => {
  const port = await startService(t)
  const rig = await Rig.start(t, [port])
  const { gateway } = rig
  const newer = config([port], '  extra: { path: /extra/*, service: shop }\n')
  const yaml = { 'content-type': 'application/yaml' }

  const wrong = await rig.ask('POST', '/config/validate', { body: 'routes:\n  a: { path: /a, servce: b }\n', headers: yaml })
  assert.equal(wrong.json['valid'], false)
  assert.match(JSON.stringify(wrong.json['problems']), /"line":2,"column":\d+,"message":"unknown key `servce`; did you mean `service`\?/)
  const right = await rig.ask('POST', '/config/validate', { body: newer, headers: yaml })
  assert.equal(right.json['valid'], true)
  const diff = await rig.ask('POST', '/config/diff', { body: newer, headers: yaml })
  assert.deepEqual(diff.json['routes'], [
    { change: 'added', name: 'extra', at: { file: gateway.configFile, line: 10, column: 3 }, fields: [] },
  ])
  assert.deepEqual([diff.json['listeners'], diff.json['settings']], [[], []])

  const { headers } = await rig.ask('GET', '/config', { token: READER })
  const etag = headers.get('etag') ?? ''
  assert.equal(etag, `"${gateway.revision}"`)
  assert.equal((await rig.get('/extra/x')).status, 404)
  const put = (more: Record<string, string>, token = WRITER) =>
    rig.ask('PUT', '/config', { body: newer, headers: { ...yaml, ...more }, token })
  assert.equal((await put({})).status, 428)
  assert.equal((await put({ 'if-match': '"000000000000"' })).status, 412)
  assert.equal((await put({ 'if-match': etag }, READER)).status, 403)
  const applied = await put({ 'if-match': etag })
  assert.equal(applied.status, 200, applied.json.detail ?? '')
  assert.equal(applied.json['revision'], right.json['revision'])
  assert.equal((await rig.get('/extra/x')).status, 200)
  assert.equal(readFileSync(gateway.configFile, 'utf8'), newer)
  const line = await gateway.logged('an admin write')
  assert.deepEqual([line['who'], line['method'], line['path'], line['status']], ['ops', 'PUT', '/config', 200])

  const busy = new URL(gateway.adminUrl).port
  const refused = await rig.ask('PUT', '/config', {
    body: newer.replace('port: 0 }]', `port: ${busy} }]`),
    headers: { ...yaml, 'if-match': '*' },
  })
  assert.equal(refused.status, 422)
  assert.equal(readFileSync(gateway.configFile, 'utf8'), newer)

  const back = await rig.ask('POST', '/config/rollback', {
    body: JSON.stringify({ revision: gateway.revision }),
    headers: { 'if-match': applied.headers.get('etag') ?? '' },
  })
  assert.equal(back.status, 200, back.json.detail ?? '')
  assert.equal((await rig.get('/extra/x')).status, 404)
  assert.equal(readFileSync(gateway.configFile, 'utf8'), config([port]))
  const { json } = await rig.ask('GET', '/config/history', { token: READER })
  const revisions = json['revisions'] as readonly { revision: string; by: string | null; cause: string }[]
  assert.deepEqual(
    revisions.map(({ revision, by, cause }) => [revision, by, cause]),
    [
      [gateway.revision, 'ops', `POST /config/rollback to ${gateway.revision}`],
      [right.json['revision'], 'ops', 'PUT /config'],
      [gateway.revision, null, 'start'],
    ],
  )
  const kept = await rig.ask('GET', `/config/history/${String(right.json['revision'])}`, { token: READER })
  assert.match(JSON.stringify(kept.json['config']), /extra/)
  assert.doesNotMatch(JSON.stringify(kept.json), /key-of-the|token-that/)
  const between = await rig.ask('GET', `/config/diff?from=${String(right.json['revision'])}`, { token: READER })
  assert.match(JSON.stringify(between.json['routes']), /"removed","name":"extra"/)
})

test('a target is drained in all workers, over reloads and in their replacements, until it is let back in', {
  timeout: TIMEOUT,
}, async (t) => {
  const [one, other] = [await startService(t), await startService(t)]
  const rig = await Rig.start(t, [one, other])
  const { gateway } = rig
  const path = (port: number, what: string) => `/services/shop/targets/127.0.0.1:${port}/${what}`
  const answerers = async (): Promise<string[]> => {
    const answers = await Promise.all(Array.from({ length: 24 }, () => rig.get('/open/x')))
    return [...new Set(answers.map(({ text }) => text))].sort()
  }
  const both = [String(one), String(other)].sort()
  assert.deepEqual(await answerers(), both)

  const drained = await rig.ask('POST', path(one, 'drain'))
  assert.deepEqual([drained.status, drained.json], [200, { service: 'shop', target: `127.0.0.1:${one}`, drained: true, workers: 2 }])
  assert.deepEqual(await answerers(), [String(other)])
  assert.equal((await rig.ask('POST', path(other, 'drain'))).status, 409, 'the last one stays')
  assert.equal((await rig.ask('POST', path(1, 'drain'))).status, 404)
  assert.equal((await rig.ask('POST', path(one, 'undrain'), { token: READER })).status, 403)
  assert.equal((await rig.ask('POST', path(one, 'undrain'), { headers: { 'content-type': 'text/plain' } })).status, 415)

  gateway.writeConfig(config([one, other], '  extra: { path: /extra/*, service: shop }\n'))
  await gateway.logged('a new configuration is in force')
  assert.deepEqual(await answerers(), [String(other)])
  const { json } = await rig.ask('GET', '/services', { token: READER })
  const [worker] = json['workers'] as readonly { pid: number }[]
  assert.ok(worker)
  process.kill(worker.pid, 'SIGKILL')
  await gateway.logged('a worker died: replacing it')
  for (;;) {
    const { json: ready } = await rig.ask('GET', '/readyz')
    if (ready['workersServing'] === 2) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.deepEqual(await answerers(), [String(other)])
  const service = await rig.ask('GET', '/services/shop', { token: READER })
  const targets = service.json['targets'] as readonly { address: string; drained: boolean }[]
  assert.deepEqual(Object.fromEntries(targets.map(({ address, drained: isOut }) => [address, isOut])), {
    [`127.0.0.1:${one}`]: true,
    [`127.0.0.1:${other}`]: false,
  })

  assert.equal((await rig.ask('POST', path(one, 'undrain'))).status, 200)
  assert.deepEqual(await answerers(), both)
})

test('breakers are reset, and routes and consumers are listed without secrets', { timeout: TIMEOUT }, async (t) => {
  const rig = await Rig.start(t, [1])
  for (let i = 0; i < 24; i++) await rig.get('/open/x')
  const open = await rig.ask('GET', '/services/shop')
  assert.match(JSON.stringify(open.json['breaker']), /"open"/)
  assert.equal((await rig.ask('POST', '/services/shop/breaker/reset')).status, 200)
  assert.deepEqual((await rig.ask('GET', '/services/shop')).json['breaker'], { closed: 2 })
  assert.equal((await rig.ask('POST', '/services/none/breaker/reset')).status, 404)

  const routes = await rig.ask('GET', '/routes?text=OPE&limit=1', { token: READER })
  assert.equal(routes.json['total'], 1)
  assert.match(JSON.stringify(routes.json['routes']), /"name":"open".*"paths":\["\/open\/\*"\].*"services":\["shop"\]/)
  assert.equal((await rig.ask('GET', '/routes?limit=1001')).status, 400)
  assert.equal((await rig.ask('GET', '/routes?page=2')).status, 400)
  const consumers = await rig.ask('GET', '/consumers', { token: READER })
  assert.match(
    JSON.stringify(consumers.json),
    /"name":"mobile".*"groups":\["apps"\].*"id":"k1","kind":"key","notBefore":null,"expiresAt":null,"inForce":true/,
  )
  assert.doesNotMatch(JSON.stringify(consumers.json), /digest|key-of-the/)
})

test('a tap tells of the exchanges of all workers that it wants, as they finish', { timeout: TIMEOUT }, async (t) => {
  const rig = await Rig.start(t)
  const leaving = new AbortController()
  const response = await fetch(`${rig.gateway.adminUrl}/tap?route=open&status=2xx&path=/wanted`, {
    headers: { authorization: `Bearer ${READER}` },
    signal: leaving.signal,
  })
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/event-stream'])
  const seen = new Map<string, Record<string, unknown>>()
  const reading = (async () => {
    let text = ''
    assert.ok(response.body)
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk
      for (const [, json = ''] of text.matchAll(/^event: exchange\ndata: (.*)\n\n/gm)) {
        const exchange = JSON.parse(json) as Record<string, unknown>
        seen.set(String(exchange['requestId']), exchange)
      }
    }
  })().catch(() => {})
  // The workers are told while the head of the answer is on its way.
  while (seen.size === 0) {
    await rig.get('/open/wanted?secret=1')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const before = seen.size
  await Promise.all([rig.get('/open/other'), rig.get('/nothing'), ...Array.from({ length: 12 }, () => rig.get('/open/wanted'))])
  while (seen.size < before + 12) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const { path, route, status, service } of seen.values())
    assert.deepEqual([path, route, status, service], ['/open/wanted', 'open', 200, 'shop'])
  assert.doesNotMatch(JSON.stringify([...seen.values()]), /secret/)
  assert.equal((await rig.ask('GET', '/tap?status=abc')).status, 400)
  assert.equal((await rig.ask('GET', '/tap?sample=2')).status, 400)
  rig.gateway.writeConfig(config([1]).replace(`{ name: board, token: ${READER} }, `, ''))
  await rig.gateway.logged('a new configuration is in force')
  await reading
  leaving.abort()
})
