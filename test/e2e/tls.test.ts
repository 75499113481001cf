import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { Authority, type Certificate, certificatesMissing } from '../services/certificates.ts'
import { GatewayProcess } from './gateway-process.ts'

const run = promisify(execFile)
const authority = certificatesMissing === false ? new Authority() : null
const skip = certificatesMissing
const ROUTES = 'routes: { all: { path: /*, policies: { static-response: { body: "hello" }, security-headers: {} } } }'

/** Starts a gateway whose first listener speaks TLS as `tls` says; certificates lie in its folder under their names. */
async function start(t: TestContext, certificates: Readonly<Record<string, Certificate>>, tls: string, more = ''): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(t, {
    config: `listeners: [{ host: 127.0.0.1, port: 0, tls: ${tls} }${more}]\nadmin: { port: 0 }\naccessLog: false\nworkers: 2\n${ROUTES}\n`,
  })
  for (const [name, certificate] of Object.entries(certificates)) place(gateway, name, certificate)
  writeFileSync(join(gateway.folder, 'ca.pem'), authority?.cert ?? '')
  return gateway.ready()
}

function place({ folder }: GatewayProcess, name: string, { cert, key }: Certificate): void {
  writeFileSync(join(folder, `${name}.pem`), cert)
  writeFileSync(join(folder, `${name}.key`), key)
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

/** A connection whose handshake is done; it ends with the test. */
async function handshake(t: TestContext, gateway: GatewayProcess, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port: portOf(gateway.url), host: '127.0.0.1', servername: 'localhost', ca: authority?.cert, ...options })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Sends one request on the connection, and gives status and body. */
async function ask(socket: TLSSocket, path = '/'): Promise<{ readonly status: number; readonly text: string }> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  let text = ''
  while (!/\r\n\r\n./.test(text)) text += String((await once(socket, 'data'))[0])
  return { status: Number(text.slice(9, 12)), text }
}

/** What a first connection is given to resume its session with. */
async function sessionOf(t: TestContext, gateway: GatewayProcess, options: ConnectionOptions): Promise<Buffer> {
  const socket = connect({ port: portOf(gateway.url), host: '127.0.0.1', servername: 'localhost', ca: authority?.cert, ...options })
  t.after(() => socket.destroy())
  // In TLS 1.2 it comes within the handshake, in TLS 1.3 behind it.
  const told = once(socket, 'session')
  await once(socket, 'secureConnect')
  assert.equal((await ask(socket)).status, 200)
  const [session] = await told
  assert.ok(Buffer.isBuffer(session))
  return session
}

const PLAIN = '{ certificates: [{ cert: a.pem, key: a.key }] }'

test('curl is served over TLS with a verified certificate, and told to stay with it', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  const ca = join(gateway.folder, 'ca.pem')
  const url = `https://localhost:${portOf(gateway.url)}/`
  const { stdout } = await run('curl', ['-si', '--http1.1', '--max-time', '5', '--cacert', ca, url])
  assert.match(stdout, /^HTTP\/1\.1 200/)
  assert.match(stdout, /strict-transport-security: max-age=31536000/i)
  assert.match(stdout, /hello$/)
})

test('the certificate is the one for the host that is asked for: by name, by wildcard, or the first', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(
    t,
    { a: authority.forServer('default.test'), b: authority.forServer('*.shop.test'), c: authority.forServer('pay.shop.test') },
    '{ certificates: [{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }, { cert: c.pem, key: c.key }, { cert: b.pem, key: b.key, hosts: [named.test] }] }',
  )
  const shown = async (servername: string): Promise<string> => {
    const socket = await handshake(t, gateway, { servername, rejectUnauthorized: false })
    return String(socket.getPeerCertificate().subject.CN)
  }
  assert.equal(await shown('pay.shop.test'), 'pay.shop.test')
  assert.equal(await shown('a.shop.test'), '*.shop.test')
  assert.equal(await shown('A.Shop.Test'), '*.shop.test')
  assert.equal(await shown('a.b.shop.test'), 'default.test')
  assert.equal(await shown('shop.test'), 'default.test')
  assert.equal(await shown('named.test'), '*.shop.test')
  assert.equal(await shown('elsewhere.test'), 'default.test')
})

test('versions below TLS 1.2 are refused, and those below the one that is configured', { skip }, async (t) => {
  assert.ok(authority)
  const old: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  await assert.rejects(handshake(t, gateway, old))
  assert.equal((await handshake(t, gateway, { maxVersion: 'TLSv1.2' })).getProtocol(), 'TLSv1.2')
  assert.equal((await handshake(t, gateway)).getProtocol(), 'TLSv1.3')
  const strict = await start(t, { a: authority.forServer() }, '{ certificates: [{ cert: a.pem, key: a.key }], minVersion: "1.3" }')
  await assert.rejects(handshake(t, strict, { maxVersion: 'TLSv1.2' }))
  assert.equal((await handshake(t, strict)).getProtocol(), 'TLSv1.3')
})

test('TLS 1.2 has forward secrecy and AEAD alone', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  const weak: ConnectionOptions = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256' }
  await assert.rejects(handshake(t, gateway, weak))
  const socket = await handshake(t, gateway, { maxVersion: 'TLSv1.2' })
  assert.match(socket.getCipher().name, /^ECDHE-.*(GCM|CHACHA20)/)
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a ${version} session is resumed by whichever worker the next connection comes to`, { skip }, async (t) => {
    assert.ok(authority)
    const gateway = await start(t, { a: authority.forServer() }, PLAIN)
    const session = await sessionOf(t, gateway, { maxVersion: version })
    for (let turn = 0; turn < 20; turn++) {
      const next = await handshake(t, gateway, { maxVersion: version, session })
      assert.equal(next.isSessionReused(), true, `connection ${turn}`)
      assert.equal((await ask(next)).status, 200)
      next.destroy()
    }
  })
}

test('a renewed certificate is taken over from its file, and open connections notice nothing', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer('localhost') }, PLAIN)
  const kept = await handshake(t, gateway)
  const before = kept.getPeerCertificate().fingerprint256
  assert.equal((await ask(kept)).status, 200)
  place(gateway, 'a', authority.forServer('localhost', 'new.test'))
  await gateway.logged('a new configuration is in force')
  assert.equal((await ask(kept)).status, 200)
  const next = await handshake(t, gateway)
  assert.notEqual(next.getPeerCertificate().fingerprint256, before)
  assert.equal((await ask(next)).status, 200)
})

test('a certificate with the key of another changes nothing, and says where it is wrong', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  writeFileSync(join(gateway.folder, 'a.key'), authority.forServer().key)
  const { reason } = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(reason), /turnpike\.yaml:1:\d+: error: the key does not belong to the certificate/)
  assert.equal((await ask(await handshake(t, gateway))).status, 200)
})

const MUTUAL = (mode: string): string =>
  `{ certificates: [{ cert: a.pem, key: a.key }], clientCertificates: { mode: ${mode}, ca: ca.pem } }`

test("a required client certificate: without, with a stranger's, and with a good one", { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, MUTUAL('require'))
  const none = await ask(await handshake(t, gateway))
  assert.equal(none.status, 403)
  assert.match(none.text, /"code":"client_certificate_missing"/)
  const stranger = await ask(await handshake(t, gateway, new Authority('Strangers').forClient('app')))
  assert.equal(stranger.status, 403)
  assert.match(stranger.text, /"detail":"The certificate is not from a CA that is trusted here".*"code":"client_certificate_invalid"/)
  assert.equal((await ask(await handshake(t, gateway, authority.forClient('app')))).status, 200)
})

test('a resumed session still shows the client certificate of its first handshake', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, MUTUAL('require'))
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = authority.forClient('app')
    const session = await sessionOf(t, gateway, { ...client, maxVersion })
    const next = await handshake(t, gateway, { ...client, maxVersion, session })
    assert.equal(next.isSessionReused(), true)
    assert.equal((await ask(next)).status, 200)
  }
})

test('with other CAs for clients no session of before is resumed', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, MUTUAL('require'))
  const client = authority.forClient('app')
  const session = await sessionOf(t, gateway, client)
  writeFileSync(join(gateway.folder, 'ca.pem'), new Authority('Others').cert)
  await gateway.logged('a new configuration is in force')
  const next = await handshake(t, gateway, { ...client, session })
  assert.equal(next.isSessionReused(), false)
  assert.equal((await ask(next)).status, 403)
})

test('a certificate that is only requested may be missing', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, MUTUAL('request'))
  assert.equal((await ask(await handshake(t, gateway))).status, 200)
})

test('a plain listener sends everything to https but the challenges of ACME', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN, ', { host: 127.0.0.1, port: 0, redirectToHttps: 8443 }')
  const [, plain = ''] = gateway.urls
  const answer = await fetch(`${plain}/a/b?c=%20d`, { method: 'POST', redirect: 'manual', body: 'x' })
  assert.equal(answer.status, 308)
  assert.equal(answer.headers.get('location'), 'https://127.0.0.1:8443/a/b?c=%20d')
  assert.equal((await fetch(`${plain}/.well-known/acme-challenge/token`)).status, 200)
})

test('bytes that are no handshake, and a handshake that never ends, are closed and counted', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  const plain = connectPlain(portOf(gateway.url), '127.0.0.1')
  t.after(() => plain.destroy())
  plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  plain.resume()
  await once(plain, 'close')
  const line = await gateway.logged('a TLS handshake failed')
  assert.equal(line['code'], 'ERR_SSL_HTTP_REQUEST')
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  assert.match(metrics, /gateway_tls_handshakes_total\{listener="listener-1",result="failed"\} 1/)
})

test('large bodies pass over TLS whole in both directions', { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  const socket = await handshake(t, gateway)
  // Answers without a service, more than once on one connection, pipelined.
  socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50))
  let text = ''
  while (text.split('HTTP/1.1 200').length < 51) text += String((await once(socket, 'data'))[0])
  assert.equal(text.split('hello').length, 51)
})

test("Node's own agent keeps its connection", { skip }, async (t) => {
  assert.ok(authority)
  const gateway = await start(t, { a: authority.forServer() }, PLAIN)
  const { Agent } = await import('node:https')
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert, servername: 'localhost' })
  t.after(() => agent.destroy())
  for (let turn = 0; turn < 3; turn++) {
    const asked = request(`${gateway.url}/`, { agent })
    asked.end()
    const response = await new Promise<IncomingMessage>((resolve, reject) => asked.on('response', resolve).on('error', reject))
    response.resume()
    await once(response, 'end')
    assert.equal(response.statusCode, 200)
    assert.equal(asked.reusedSocket, turn > 0)
  }
})
