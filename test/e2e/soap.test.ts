/** REST clients of SOAP services: a real gateway process in front of servers of the npm package `soap`, and of one made by hand. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startSoapServer } from '../services/soap-server.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly json: unknown
}

interface Gateway {
  readonly process: GatewayProcess
  readonly wsdlFile: string
  ask(path: string, json?: unknown, method?: string): Promise<Answer>
}

type Options = Readonly<Record<string, unknown>>

/** @param others policies beside it */
async function startGateway(t: TestContext, port: number, wsdl: string, options: Options = {}, others: Options = {}): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-soap-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const wsdlFile = join(folder, 'shop.wsdl')
  writeFileSync(wsdlFile, wsdl)
  const config = {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    accessLog: false,
    services: { shop: { targets: [`127.0.0.1:${port}`] } },
    routes: { shop: { path: '/*', service: 'shop', policies: { ...others, soap: { wsdl: wsdlFile, ...options } } } },
  }
  const gateway = await new GatewayProcess(t, { config: JSON.stringify(config) }).ready()
  return {
    process: gateway,
    wsdlFile,
    ask: async (path, json, method = json === undefined ? 'GET' : 'POST') => {
      const init = json === undefined ? {} : { body: JSON.stringify(json), headers: { 'Content-Type': 'application/json' } }
      const response = await fetch(`${gateway.url}${path}`, { method, ...init })
      const text = await response.text()
      return {
        status: response.status,
        type: response.headers.get('Content-Type'),
        json: text === '' ? undefined : (JSON.parse(text) as unknown),
      }
    },
  }
}

const AS_GET = { operations: { Find: { method: 'GET', path: '/items/:name' } } }
const TAGS = ['a', 'b&c']

test('a service in document style answers calls, with and without a body', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'document' })
  const gateway = await startGateway(t, port, wsdl)
  assert.deepEqual(await gateway.ask('/Find', { name: 'tea <&>', max: 2 }), {
    status: 200,
    type: 'application/json',
    json: {
      item: [
        { name: 'tea <&>', price: 1.5, tag: TAGS },
        { name: 'tea <&>', price: 2.5, tag: TAGS },
      ],
    },
  })
  assert.deepEqual((await gateway.ask('/Find', { name: 'x', max: 0 })).json, {})
  const refused = await gateway.ask('/Find', { max: 'two', other: 1 })
  assert.deepEqual([refused.status, refused.type], [400, 'application/problem+json'])
  const get = await startGateway(t, port, wsdl, AS_GET)
  assert.deepEqual((await get.ask('/items/tea%20pot?max=1')).json, { item: [{ name: 'tea pot', price: 1.5, tag: TAGS }] })
  assert.equal((await get.ask('/items/a/b')).status, 404)
  const wrong = await fetch(`${get.process.url}/items/a`, { method: 'PUT' })
  assert.deepEqual([wrong.status, wrong.headers.get('Allow')], [405, 'GET'])
  await wrong.arrayBuffer()
})

test('a service in rpc style answers calls', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'rpc' })
  const gateway = await startGateway(t, port, wsdl, AS_GET)
  assert.deepEqual(await gateway.ask('/items/tea?max=3'), {
    status: 200,
    type: 'application/json',
    json: { count: 3, best: { name: 'tea', price: 1.5, tag: TAGS } },
  })
})

test('faults are errors of HTTP, and nothing of a crash is told but what the fault says', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'document' })
  const gateway = await startGateway(t, port, wsdl, { ...AS_GET, faults: { Missing: 404 } })
  const missing = await gateway.ask('/items/nothing')
  assert.deepEqual([missing.status, missing.type], [404, 'application/problem+json'])
  const { fault } = missing.json as { fault: unknown }
  assert.deepEqual(fault, { code: 'Client', reason: 'none of it', name: 'Missing', detail: { name: 'nothing' } })
  const crash = await gateway.ask('/items/crash')
  assert.equal(crash.status, 502)
})

test('calls carry a UsernameToken that the service can check', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'document', password: 's<cret' })
  const known = await startGateway(t, port, wsdl, { ...AS_GET, usernameToken: { username: 'gateway', password: 's<cret', type: 'digest' } })
  for (let round = 0; round < 2; round++) assert.equal((await known.ask('/items/tea')).status, 200)
  const stranger = await startGateway(t, port, wsdl, {
    ...AS_GET,
    usernameToken: { username: 'gateway', password: 'other', type: 'digest' },
  })
  assert.notEqual((await stranger.ask('/items/tea')).status, 200)
})

test('a service of SOAP 1.2 answers calls, and its faults say whom they blame', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'document', version: '1.2' })
  const gateway = await startGateway(t, port, wsdl, AS_GET)
  assert.deepEqual((await gateway.ask('/items/tea')).json, { item: [{ name: 'tea', price: 1.5, tag: TAGS }] })
  const refused = await gateway.ask('/items/nothing')
  assert.equal(refused.status, 400)
  assert.deepEqual((refused.json as { fault: unknown }).fault, { code: 'Sender', subcode: 'BadArguments', reason: 'none of it' })
})

/** A service that answers what it is told to. */
async function startScripted(
  t: TestContext,
  answer: (body: string, request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => answer(Buffer.concat(pieces).toString(), request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

const ENVELOPE = (body: string): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`

test('what a hostile or broken service sends ends in 502, and the gateway goes on', async (t) => {
  const { wsdl } = await startSoapServer(t, { style: 'document' })
  const bomb = `<!DOCTYPE b [${Array.from({ length: 30 }, (_, i) => `<!ENTITY e${i} "${`&e${i - 1};`.repeat(10)}">`).join('')}]>${ENVELOPE('&e29;')}`
  const answers: Readonly<Record<string, string>> = {
    bomb,
    deep: ENVELOPE('<a>'.repeat(20_000)),
    wide: ENVELOPE('<a/>'.repeat(250_000)),
    external: `<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x">${ENVELOPE('')}`,
    large: ENVELOPE('x'.repeat(3_000_000)),
    cut: ENVELOPE('').slice(0, 40),
    other: ENVELOPE('<FindResponse xmlns="urn:evil"/>'),
    good: ENVELOPE('<FindResponse xmlns="urn:shop"/>'),
  }
  const port = await startScripted(t, (body, _, response) => {
    const name = /name>(\w+)</.exec(body)?.[1] ?? ''
    response.writeHead(200, { 'Content-Type': 'text/xml' }).end(answers[name])
  })
  const gateway = await startGateway(t, port, wsdl, AS_GET)
  for (const name of Object.keys(answers)) {
    const { status, json } = await gateway.ask(`/items/${name}`)
    assert.deepEqual([name, status], [name, name === 'good' ? 200 : 502])
    if (name !== 'good') assert.match(JSON.stringify(json), /upstream_body_(invalid|too_large)/)
  }
})

test('other policies see what the client sees: JSON is validated, changed and cached', async (t) => {
  const { wsdl } = await startSoapServer(t, { style: 'document' })
  const asked: string[] = []
  const port = await startScripted(t, (body, request, response) => {
    const name = /name>(\w+)</.exec(body)?.[1] ?? ''
    asked.push(`${request.method} ${request.url} ${request.headers['content-type']} ${request.headers.accept} ${name}`)
    const item = `<item><name>${name}</name><price>1.50</price></item>`
    response
      .writeHead(200, { 'Content-Type': 'text/xml', 'Cache-Control': 'max-age=60' })
      .end(ENVELOPE(`<FindResponse xmlns="urn:shop">${item}</FindResponse>`))
  })
  const transform = { request: { body: { rename: { '/title': 'name' } } }, response: { body: { set: { '/by': 'us' } } } }
  const validation = { body: { required: ['title'] } }
  const post = await startGateway(t, port, wsdl, {}, { transform, 'request-validation': validation })
  const item = (name: string): unknown => ({ name, price: 1.5 })
  assert.deepEqual((await post.ask('/Find', { title: 'a' })).json, { item: [item('a')], by: 'us' })
  assert.equal((await post.ask('/Find', { name: 'a' })).status, 400)
  const get = await startGateway(t, port, wsdl, AS_GET, { cache: { ttl: '1m' } })
  for (let round = 0; round < 2; round++) assert.deepEqual((await get.ask('/items/b')).json, { item: [item('b')] })
  const call = 'POST /shop text/xml; charset=utf-8 text/xml'
  assert.deepEqual(asked, [`${call} a`, `${call} b`])
})

test('a WSDL that changes is a configuration that changes, and a broken one keeps the old', async (t) => {
  const { port, wsdl } = await startSoapServer(t, { style: 'document' })
  const gateway = await startGateway(t, port, wsdl)
  assert.equal((await gateway.ask('/Find', { name: 'a', colour: 'red' })).status, 400)
  writeFileSync(
    gateway.wsdlFile,
    wsdl.replace('<xs:element name="max"', '<xs:element name="colour" type="xs:string" minOccurs="0"/><xs:element name="max"'),
  )
  await eventually(
    () => gateway.ask('/Find', { name: 'a', colour: 'red' }),
    ({ status }) => status === 200,
  )
  writeFileSync(gateway.wsdlFile, wsdl.slice(0, 500))
  await gateway.process.logged('the configuration is not taken: the old one goes on')
  assert.equal((await gateway.ask('/Find', { name: 'a', colour: 'red' })).status, 200)
})
