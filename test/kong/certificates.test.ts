/** TLS of clients and services: certificates, SNIs, CA certificates and client certificates (2.2 and 2.7 of the reference). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { type TestContext, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { loadKong, problemsOfKong, startKong } from './kong-gateway.ts'

const CA_ID = '11111111-1111-4111-8111-111111111111'
const LISTEN = { KONG_PROXY_LISTEN: '127.0.0.1:0, 127.0.0.1:0 http2 ssl' }

/** Asks by TLS for a server name; gives the answer, and the common name of the certificate that was shown. */
async function askTls(port: number, servername: string, host: string): Promise<{ text: string; shown: unknown }> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const shown = socket.getPeerCertificate().subject.CN
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return { text, shown }
}

async function secureService(t: TestContext, options: Parameters<typeof createServer>[0]) {
  const seen: { cn: unknown; servername: unknown }[] = []
  const server = createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket
    const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined
    seen.push({ cn: subject?.CN, servername: 'servername' in socket ? socket.servername : undefined })
    response.end('secure')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { port: address !== null && typeof address === 'object' ? address.port : 0, seen }
}

test('2.7 certificates are shown to clients by their SNIs, the first one to all others', { skip: certificatesMissing }, async (t) => {
  const authority = new Authority()
  const [first, second] = [authority.forServer('a.example'), authority.forServer('b.example')]
  const document = {
    _format_version: '3.0',
    services: [
      {
        name: 's',
        url: 'http://ECHO',
        routes: [
          { name: 'r', paths: ['/'] },
          { name: 'named', paths: ['/'], snis: ['b.example'], protocols: ['https'] },
        ],
      },
    ],
    certificates: [
      { ...first, snis: [{ name: 'a.example' }] },
      { ...second, id: CA_ID },
    ],
    snis: [
      { name: 'b.example', certificate: CA_ID },
      { name: '*.b.example', certificate: CA_ID },
    ],
    plugins: [{ name: 'request-termination', route: 'named', config: { status_code: 200, body: 'named', content_type: 'text/plain' } }],
  }
  const kong = await startKong(t, JSON.stringify(document), { env: LISTEN })
  const port = kong.ports[1] ?? 0
  assert.deepEqual((await askTls(port, 'a.example', 'a.example')).shown, 'a.example')
  const named = await askTls(port, 'b.example', 'b.example')
  assert.deepEqual([named.shown, named.text.endsWith('named')], ['b.example', true])
  assert.deepEqual((await askTls(port, 'x.b.example', 'x.b.example')).shown, 'b.example')
  assert.deepEqual((await askTls(port, 'other.example', 'other.example')).shown, 'a.example')
  // 2.4: of a request without TLS no server name is asked.
  assert.equal((await kong.ask('/')).status, 426)
})

test('2.7 without certificates nothing listens for TLS', async () => {
  const loaded = await loadKong('_format_version: "3.0"')
  assert.ok('ir' in loaded)
  assert.deepEqual(
    loaded.ir.listeners.map(({ port, tls }) => [port, tls]),
    [[8000, null]],
  )
})

test('2.2 tls_verify asks for a certificate of ca_certificates, and is off by default', { skip: certificatesMissing }, async (t) => {
  const [authority, stranger] = [new Authority(), new Authority('Strangers')]
  const service = await secureService(t, authority.forServer())
  const statusWith = async (fields: Record<string, unknown>, ca = authority): Promise<number> => {
    const document = {
      _format_version: '3.0',
      services: [{ name: 's', url: `https://127.0.0.1:${service.port}`, ...fields, routes: [{ name: 'r', paths: ['/'] }] }],
      ca_certificates: [{ id: CA_ID, cert: ca.cert }],
    }
    const kong = await startKong(t, JSON.stringify(document))
    return (await kong.ask('/')).status
  }
  assert.equal(await statusWith({}), 200)
  assert.equal(await statusWith({ tls_verify: true, ca_certificates: [CA_ID] }), 200)
  assert.equal(await statusWith({ tls_verify: true, ca_certificates: [CA_ID] }, stranger), 502)
  assert.equal(await statusWith({ tls_verify: false, ca_certificates: [CA_ID] }, stranger), 200)
})

test('2.2 client_certificate is shown to the service', { skip: certificatesMissing }, async (t) => {
  const authority = new Authority()
  const service = await secureService(t, { ...authority.forServer(), ca: authority.cert, requestCert: true, rejectUnauthorized: true })
  const document = {
    _format_version: '3.0',
    services: [{ name: 's', url: `https://127.0.0.1:${service.port}`, client_certificate: CA_ID, routes: [{ name: 'r', paths: ['/'] }] }],
    certificates: [{ id: CA_ID, ...authority.forClient('gateway') }],
  }
  const kong = await startKong(t, JSON.stringify(document))
  assert.equal((await kong.ask('/')).body, 'secure')
  assert.equal(service.seen[0]?.cn, 'gateway')
})

test('2.6 host_header is also the name that is asked for in TLS', { skip: certificatesMissing }, async (t) => {
  const authority = new Authority()
  const service = await secureService(t, authority.forServer('inner.example'))
  const document = {
    _format_version: '3.0',
    services: [{ name: 's', url: 'https://pool', tls_verify: true, ca_certificates: [CA_ID], routes: [{ name: 'r', paths: ['/'] }] }],
    upstreams: [{ name: 'pool', host_header: 'inner.example', targets: [{ target: `127.0.0.1:${service.port}` }] }],
    ca_certificates: [{ id: CA_ID, cert: authority.cert }],
  }
  const kong = await startKong(t, JSON.stringify(document))
  assert.equal((await kong.ask('/')).body, 'secure')
  assert.equal(service.seen[0]?.servername, 'inner.example')
})

test('2.7 what is no certificate is refused, and never taken for the name of a file', async () => {
  const problems = await problemsOfKong(`
_format_version: "3.0"
certificates:
  - { cert: /etc/passwd, key: /etc/shadow }
services:
  - { name: s, url: https://a.example, ca_certificates: [${CA_ID}] }
`)
  assert.deepEqual(
    problems.filter((problem) => problem.includes(' error ')),
    [
      '4:13 error expected text in PEM',
      '4:31 error expected text in PEM',
      `6:58 error invalid reference 'ca_certificates: ${CA_ID}' (no such entry in 'ca_certificates')`,
    ],
  )
})
