/** A real gateway in front of services that speak TLS and HTTP/2, as curl sees it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttp2Server, createSecureServer, type Http2Session } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { promisify } from 'node:util'
import { Authority, type Certificate, certificatesMissing } from '../services/certificates.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

const run = promisify(execFile)
const skip = certificatesMissing
const authority = skip === false ? new Authority() : null

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** A service by HTTP/1.1 that names who asks. */
function secureService(t: TestContext, options: TlsOptions): Promise<number> {
  const server = createServer(options, (request, response) => {
    const { CN = 'nobody' } = (request.socket as TLSSocket).getPeerCertificate()?.subject ?? {}
    response.end(`hello, ${String(CN)}`)
  })
  return listen(t, server)
}

/** Starts a gateway whose services stand below paths of their names. Files lie in its folder. */
async function start(t: TestContext, services: string, files: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const names = [...services.matchAll(/^ {2}(\S+):/gm)].map(([, name]) => name)
  const routes = names
    .map((name) => `  ${name}: { path: /${name}/*, service: ${name}, retry: { attempts: 2, backoffBase: 1ms } }`)
    .join('\n')
  const gateway = new GatewayProcess(t, {
    config: `listeners: [{ host: 127.0.0.1, port: 0 }]\nadmin: { port: 0 }\naccessLog: false\nservices:\n${services}\nroutes:\n${routes}\n`,
  })
  for (const [name, text] of Object.entries({ 'ca.pem': authority?.cert ?? '', ...files })) writeFileSync(join(gateway.folder, name), text)
  return gateway.ready()
}

/** What curl shows: the head, and the body. */
async function curl(gateway: GatewayProcess, path: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('curl', ['-si', '--max-time', '5', ...args, new URL(path, gateway.url).href])
  return stdout
}

test('services by https are asked where their certificates are good, and nowhere else', { skip }, async (t) => {
  assert.ok(authority)
  const users = new Authority('users')
  const client = users.forClient('gateway')
  const ports = {
    good: await secureService(t, authority.forServer()),
    mutual: await secureService(t, { ...authority.forServer(), ca: users.cert, requestCert: true, rejectUnauthorized: true }),
    elsewhere: await secureService(t, authority.forServer('elsewhere.test')),
    expired: await secureService(t, authority.forExpiredServer()),
    stranger: await secureService(t, new Authority('stranger').forServer()),
  }
  const gateway = await start(
    t,
    `  good: { targets: ["https://127.0.0.1:${ports.good}"], tls: { ca: ca.pem } }
  mutual: { targets: ["https://127.0.0.1:${ports.mutual}"], tls: { ca: ca.pem, cert: client.pem, key: client.key } }
  stranger-to-it: { targets: ["https://127.0.0.1:${ports.mutual}"], tls: { ca: ca.pem } }
  elsewhere: { targets: ["https://127.0.0.1:${ports.elsewhere}"], tls: { ca: ca.pem } }
  named: { targets: ["https://127.0.0.1:${ports.elsewhere}"], tls: { ca: ca.pem, serverName: elsewhere.test } }
  expired: { targets: ["https://127.0.0.1:${ports.expired}"], tls: { ca: ca.pem } }
  stranger: { targets: ["https://127.0.0.1:${ports.stranger}"] }
  trusting: { targets: ["https://127.0.0.1:${ports.stranger}"], tls: { verify: false } }`,
    { 'client.pem': client.cert, 'client.key': client.key },
  )
  assert.match(await curl(gateway, '/good/'), /^HTTP\/1\.1 200 .*hello, nobody$/s)
  assert.match(await curl(gateway, '/mutual/'), /^HTTP\/1\.1 200 .*hello, gateway$/s)
  assert.match(await curl(gateway, '/named/'), /^HTTP\/1\.1 200 .*hello, nobody$/s)
  assert.match(await curl(gateway, '/trusting/'), /^HTTP\/1\.1 200 .*hello, nobody$/s)
  for (const [path, reason] of [
    ['/stranger-to-it/', /: ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED$/],
    ['/elsewhere/', /^127\.0\.0\.1:\d+: ERR_TLS_CERT_ALTNAME_INVALID: /],
    ['/expired/', /: CERT_HAS_EXPIRED: /],
    ['/stranger/', /: UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY): /],
  ] as const) {
    const answer = await curl(gateway, path)
    assert.match(answer, /^HTTP\/1\.1 502 .*turnpike-error: upstream_tls_failed/is)
    assert.doesNotMatch(answer, /127\.0\.0\.1|CERT_|certificate/)
    assert.match(String((await gateway.logged('no connection to a target'))['cause']), reason)
  }
})

test('a certificate that is renewed in its file is shown from then on, and no request is lost', { skip }, async (t) => {
  assert.ok(authority)
  const users = new Authority('users')
  const port = await secureService(t, { ...authority.forServer(), ca: users.cert, requestCert: true, rejectUnauthorized: true })
  const place = ({ cert, key }: Certificate): Record<string, string> => ({ 'client.pem': cert, 'client.key': key })
  const gateway = await start(
    t,
    `  mutual: { targets: ["https://127.0.0.1:${port}"], tls: { ca: ca.pem, cert: client.pem, key: client.key } }`,
    place(users.forClient('old')),
  )
  assert.match(await curl(gateway, '/mutual/'), /hello, old$/)
  for (const [name, text] of Object.entries(place(users.forClient('new')))) writeFileSync(join(gateway.folder, name), text)
  const seen: string[] = []
  await eventually(
    async () => {
      seen.push(await curl(gateway, '/mutual/'))
      return seen.at(-1) ?? ''
    },
    (answer) => answer.endsWith('hello, new'),
  )
  assert.ok(seen.every((answer) => answer.startsWith('HTTP/1.1 200 ')))
})

test('HTTP/2 is spoken where TLS agrees on it, and without TLS where it is configured', { skip }, async (t) => {
  assert.ok(authority)
  const secure = createSecureServer({ ...authority.forServer(), allowHTTP1: true }, (request, response) => {
    response.end(`${request.httpVersion} ${request.headers[':scheme'] ?? ''}`)
  })
  const plain = createHttp2Server((request, response) => {
    response.end(`${request.httpVersion} ${request.headers[':scheme'] ?? ''}`)
  })
  const [securePort, plainPort] = [await listen(t, secure), await listen(t, plain)]
  const gateway = await start(
    t,
    `  auto: { targets: ["https://127.0.0.1:${securePort}"], tls: { ca: ca.pem } }
  old: { targets: ["https://127.0.0.1:${securePort}"], tls: { ca: ca.pem }, protocol: http/1.1 }
  clear: { targets: ["127.0.0.1:${plainPort}"], protocol: h2 }`,
  )
  assert.match(await curl(gateway, '/auto/'), /^HTTP\/1\.1 200 .*2\.0 https$/s)
  assert.match(await curl(gateway, '/old/'), /^HTTP\/1\.1 200 .*1\.1 $/s)
  assert.match(await curl(gateway, '/clear/'), /^HTTP\/1\.1 200 .*2\.0 http$/s)
  assert.match(await curl(gateway, '/clear/', '-d', 'x'.repeat(100_000)), /^HTTP\/1\.1 200 /)
})

test('a request that a service refuses as it goes away is made again elsewhere', async (t) => {
  const sessions: Http2Session[] = []
  const server = createHttp2Server((_request, response) => response.end('yes'))
  server.on('session', (session) => sessions.push(session))
  const gateway = await start(t, `  clear: { targets: ["127.0.0.1:${await listen(t, server)}"], protocol: h2 }`)
  for (let i = 0; i < 5; i++) {
    assert.match(await curl(gateway, '/clear/', '-d', 'x'), /^HTTP\/1\.1 200 .*yes$/s)
    // Says that no stream has been looked at, also not the one that comes next.
    sessions.at(-1)?.goaway(0, 0)
  }
  assert.equal(sessions.length, 5)
})
