/** TLS towards services: what is verified, what is shown, and what is told when it fails. The services are Node's and OpenSSL's. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import type { NativeInput } from '../../src/config/schema.ts'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { eventually, type Rig, startRig } from './harness.ts'

type ServiceOptions = Omit<NonNullable<NativeInput['services']>[string], 'targets'>

const skip = certificatesMissing
const authority = skip === false ? new Authority() : null
const ca = authority?.cert ?? ''
const good = authority?.forServer() ?? { cert: '', key: '' }

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

interface Seen {
  readonly sockets: TLSSocket[]
  readonly port: number
}

/** A service by HTTP/1.1 that tells the request back. */
async function secureService(t: TestContext, options: TlsOptions, onSecure: (socket: TLSSocket) => void = () => {}): Promise<Seen> {
  const sockets: TLSSocket[] = []
  const server = createServer(options, (request, response) => {
    request.resume()
    request.on('end', () => response.end(`${request.method} ${request.url}`))
  })
  server.on('secureConnection', (socket) => {
    sockets.push(socket)
    onSecure(socket)
  })
  return { sockets, port: await listen(t, server) }
}

/** OpenSSL's own server; what it needs lies in its folder. */
async function openssl(t: TestContext, args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-openssl-'))
  for (const [name, text] of Object.entries({ 'ca.pem': ca, 'cert.pem': good.cert, 'key.pem': good.key }))
    writeFileSync(join(folder, name), text)
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-www', '-cert', 'cert.pem', '-key', 'key.pem', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  let said = ''
  for await (const text of child.stdout) {
    said += String(text)
    const port = /ACCEPT [\d.]+:(\d+)/.exec(said)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error(`openssl s_server ended: ${said}`)
}

function rigFor(t: TestContext, port: number, service: ServiceOptions): Promise<Rig> {
  return startRig(t, { service, ports: () => [port] })
}

async function get(rig: Rig, path = '/', fields = ''): Promise<string> {
  return (await rig.exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`)).text
}

test('a service whose certificate comes from a CA of ours is asked by TLS', { skip }, async (t) => {
  const { port, sockets } = await secureService(t, good)
  const rig = await rigFor(t, port, { tls: { ca } })
  assert.match(await get(rig, '/x'), /^HTTP\/1\.1 200 .*GET \/x/s)
  assert.match(await get(rig, '/y'), /^HTTP\/1\.1 200 .*GET \/y/s)
  assert.equal(sockets.length, 1, 'one connection, used again')
  assert.equal(sockets[0]?.getProtocol(), 'TLSv1.3')
})

test('what is in the certificate must fit the target: a name, or its address', { skip }, async (t) => {
  assert.ok(authority)
  const { port } = await secureService(t, authority.forServer('elsewhere.test'))
  const rig = await rigFor(t, port, { tls: { ca } })
  assert.match(await get(rig), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
  assert.match(rig.warnings.join('\n'), /ERR_TLS_CERT_ALTNAME_INVALID/)
  const named = await rigFor(t, port, { tls: { ca, serverName: 'elsewhere.test' } })
  assert.match(await get(named), /^HTTP\/1\.1 200 /)
})

test('the name is asked for (SNI), an address is not', { skip }, async (t) => {
  assert.ok(authority)
  const names: (string | false)[] = []
  const server = createServer({ ...authority.forServer('a.test') }, (_request, response) => response.end('yes'))
  server.on('secureConnection', (socket) => names.push(socket.servername as string | false))
  const port = await listen(t, server)
  await get(await rigFor(t, port, { tls: { ca, serverName: 'a.test' } }))
  await get(await rigFor(t, port, { tls: { verify: false } }))
  assert.deepEqual(names, ['a.test', false])
})

test('no request goes to a certificate of a CA that is not ours, of none, or of the past', { skip }, async (t) => {
  assert.ok(authority)
  const expired = await secureService(t, authority.forExpiredServer())
  const stranger = await secureService(t, new Authority('stranger').forServer())
  for (const [{ port, sockets }, service, reason] of [
    [expired, { tls: { ca } }, /CERT_HAS_EXPIRED/],
    [stranger, { tls: { ca } }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/],
    [stranger, { tls: true }, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/],
  ] as const) {
    const rig = await rigFor(t, port, service)
    assert.match(await get(rig), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
    assert.match(rig.warnings.join('\n'), reason)
    assert.equal(rig.warnings.length, 1)
    assert.match(await get(rig), /^HTTP\/1\.1 502 /)
    assert.equal(rig.warnings.length, 1, 'the reason is told once, not for each request')
    assert.ok(sockets.every(({ bytesRead }) => bytesRead === 0))
  }
  const trusting = await rigFor(t, expired.port, { tls: { verify: false } })
  assert.match(await get(trusting), /^HTTP\/1\.1 200 /)
})

test('a client never reads why', { skip }, async (t) => {
  assert.ok(authority)
  const { port } = await secureService(t, authority.forExpiredServer())
  const rig = await rigFor(t, port, { tls: { ca } })
  const text = await get(rig)
  assert.doesNotMatch(text, /127\.0\.0\.1:|CERT_HAS_EXPIRED/)
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a service that wants a certificate gets ours, and refuses others (${maxVersion})`, { skip }, async (t) => {
    assert.ok(authority)
    const users = new Authority('users')
    const { port, sockets } = await secureService(t, { ...good, ca: users.cert, requestCert: true, rejectUnauthorized: true, maxVersion })
    const mine = users.forClient('gateway')
    const rig = await rigFor(t, port, { tls: { ca, ...mine } })
    assert.match(await get(rig), /^HTTP\/1\.1 200 /)
    assert.equal(sockets[0]?.getPeerCertificate().subject.CN, 'gateway')
    for (const tls of [{ ca }, { ca, ...authority.forClient('gateway') }]) {
      assert.match(await get(await rigFor(t, port, { tls })), /^HTTP\/1\.1 502 /)
    }
  })

  test(`a service that says what is wrong with our certificate is quoted (${maxVersion})`, { skip }, async (t) => {
    const port = await openssl(t, [
      '-Verify',
      '1',
      '-verify_return_error',
      '-CAfile',
      'ca.pem',
      maxVersion === 'TLSv1.2' ? '-tls1_2' : '-tls1_3',
    ])
    const rig = await rigFor(t, port, { tls: { ca } })
    assert.match(await get(rig), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
    assert.match(rig.warnings.join('\n'), maxVersion === 'TLSv1.2' ? /ERR_SSL_.*HANDSHAKE_FAILURE/ : /ERR_SSL_.*CERTIFICATE_REQUIRED/)
    assert.equal(rig.warnings.length, 1)
  })

  test(`the second connection resumes the session of the first (${maxVersion})`, { skip }, async (t) => {
    const resumed: boolean[] = []
    const { port, sockets } = await secureService(t, { ...good, maxVersion }, (socket) => resumed.push(socket.isSessionReused()))
    const rig = await rigFor(t, port, { tls: { ca } })
    assert.match(await get(rig), /^HTTP\/1\.1 200 /)
    sockets[0]?.destroy()
    await eventually(() => rig.upstreamConnections() === 0, 'the first connection to go')
    assert.match(await get(rig), /^HTTP\/1\.1 200 /)
    assert.deepEqual(resumed, [false, true])
  })
}

test('an old version of TLS is refused, and one below what is configured', { skip }, async (t) => {
  const { port } = await secureService(t, { ...good, maxVersion: 'TLSv1.2' })
  assert.match(await get(await rigFor(t, port, { tls: { ca } })), /^HTTP\/1\.1 200 /)
  const strict = await rigFor(t, port, { tls: { ca, minVersion: '1.3' } })
  assert.match(await get(strict), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
})

test('a service that speaks no TLS, or hangs up, is not asked in clear text', { skip }, async (t) => {
  const received: Buffer[] = []
  const plain = createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes)
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
    })
  })
  const rig = await rigFor(t, await listen(t, plain), { tls: { ca } })
  assert.match(await get(rig, '/secret'), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
  assert.doesNotMatch(Buffer.concat(received).toString('latin1'), /secret/)
})

test('the time for a connection holds for TCP and TLS together', { skip }, async (t) => {
  const silent = createTcpServer((socket) => socket.on('error', () => {}).resume())
  const rig = await rigFor(t, await listen(t, silent), { tls: { ca }, connectTimeout: '150ms' })
  assert.match(await get(rig), /^HTTP\/1\.1 504 .*upstream_connect_timeout/s)
})

test('a failed handshake is tried again at another target, whatever the method', { skip }, async (t) => {
  assert.ok(authority)
  const bad = await secureService(t, authority.forExpiredServer())
  const fine = await secureService(t, good)
  const rig = await startRig(t, {
    service: { tls: { ca } },
    ports: () => [bad.port, fine.port],
    route: { retry: { attempts: 2, backoffBase: '1ms' } },
  })
  for (let i = 0; i < 2; i++) {
    const { text } = await rig.exchange('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx')
    assert.match(text, /^HTTP\/1\.1 200 /)
  }
})

/** Answers with a body that ends with the connection. */
function closeDelimited(end: (socket: TLSSocket) => void): (socket: TLSSocket) => void {
  return (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf of it')
      setTimeout(() => end(socket), 50)
    })
  }
}

test('a body that ends with the connection is whole only behind a close_notify', { skip }, async (t) => {
  const whole = await rigFor(
    t,
    await listen(
      t,
      createTlsServer(
        good,
        closeDelimited((socket) => socket.end(' and the rest')),
      ),
    ),
    { tls: { ca } },
  )
  const answer = await whole.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(answer.text, /half of it\r\n.*and the rest\r\n0\r\n\r\n$/s)
  assert.equal(answer.ending, 'finished')

  const cut = await rigFor(
    t,
    await listen(
      t,
      createTlsServer(
        good,
        closeDelimited((socket) => socket.destroy()),
      ),
    ),
    { tls: { ca } },
  )
  const broken = await cut.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(broken.text, /half of it/)
  assert.doesNotMatch(broken.text, /\r\n0\r\n\r\n$/)
  await cut.loggedCount(1)
  assert.equal(cut.logged[0]?.error, 'upstream_body_aborted')
})

test('such a body is whole for a slow client as well', { skip }, async (t) => {
  const size = 4_000_000
  const server = createTlsServer(good, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.end('x'.repeat(size))
    })
  })
  const rig = await rigFor(t, await listen(t, server), { tls: { ca } })
  const client = await rig.connect(true)
  client.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 200))
  client.startReading()
  const { text, ending } = await client.readAll()
  assert.equal(ending, 'finished')
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, size)
  assert.equal(rig.logged[0]?.error, null)
})

test('ALPN decides what is spoken, unless one protocol is wanted', { skip }, async (t) => {
  const spoken: string[] = []
  const both = createSecureServer({ ...good, allowHTTP1: true }, (request, response) => {
    spoken.push(request.httpVersion)
    response.end(request.httpVersion)
  })
  const port = await listen(t, both)
  for (const protocol of ['auto', 'http/1.1', 'h2'] as const) {
    assert.match(await get(await rigFor(t, port, { tls: { ca }, protocol })), /^HTTP\/1\.1 200 /)
  }
  assert.deepEqual(spoken, ['2.0', '1.1', '2.0'])
})

test('a service that does not speak HTTP/2 is not asked where nothing else is wanted', { skip }, async (t) => {
  const old = await secureService(t, { ...good, ALPNProtocols: ['http/1.1'] })
  const rig = await rigFor(t, old.port, { tls: { ca }, protocol: 'h2' })
  assert.match(await get(rig), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
  const without = await secureService(t, { ...good, ALPNProtocols: [] })
  const silent = await rigFor(t, without.port, { tls: { ca }, protocol: 'h2' })
  assert.match(await get(silent), /^HTTP\/1\.1 502 .*upstream_tls_failed/s)
  assert.match(silent.warnings.join('\n'), /no HTTP\/2 was agreed on/)
  assert.match(await get(await rigFor(t, without.port, { tls: { ca } })), /^HTTP\/1\.1 200 /)
})

test('requests that come before anybody knows what is spoken wait for one connection, and share it where they can', { skip }, async (t) => {
  let connections = 0
  const both = createSecureServer({ ...good, allowHTTP1: true }, (_request, response) => response.end('yes'))
  both.on('secureConnection', () => connections++)
  const rig = await rigFor(t, await listen(t, both), { tls: { ca } })
  const answers = await Promise.all(Array.from({ length: 60 }, () => get(rig)))
  assert.ok(answers.every((text) => text.startsWith('HTTP/1.1 200 ')))
  assert.equal(connections, 1)
  assert.equal(rig.upstreamConnections(), 1)
  assert.equal(rig.metric('gateway_upstream_connections_total'), 1)
})

test('a client that leaves while a connection is made ends it when nobody else waits for it', { skip }, async (t) => {
  const silent = createTcpServer((socket) => socket.on('error', () => {}).resume())
  const rig = await rigFor(t, await listen(t, silent), { tls: { ca } })
  const clients = await Promise.all([rig.connect(), rig.connect()])
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await eventually(() => rig.metric('gateway_requests_in_flight') === 2 && rig.upstreamConnections() === 1, 'both to wait for one')
  clients[0]?.reset()
  await rig.loggedCount(1)
  assert.equal(rig.upstreamConnections(), 1)
  clients[1]?.reset()
  await eventually(() => rig.upstreamConnections() === 0, 'the connection to be given up')
})

test('where it turns out to be HTTP/1.1 each gets a connection of its own', { skip }, async (t) => {
  const { port, sockets } = await secureService(t, good)
  const rig = await rigFor(t, port, { tls: { ca } })
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(rig)))
  assert.ok(answers.every((text) => text.startsWith('HTTP/1.1 200 ')))
  assert.ok(sockets.length > 1 && sockets.length <= 20)
})

test('a WebSocket handshake goes over HTTP/1.1, also beside HTTP/2', { skip }, async (t) => {
  const both = createSecureServer({ ...good, allowHTTP1: true }, (request, response) => response.end(request.httpVersion))
  both.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  const port = await listen(t, both)
  const rig = await startRig(t, { service: { tls: { ca } }, ports: () => [port], route: { upgrades: ['echo'] } })
  assert.match(await get(rig), /2\.0/)
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')
  assert.match(await client.readHead(), /^HTTP\/1\.1 101 /)
  client.write('hello')
  assert.equal(await client.readBytes(5), 'hello')
  client.finish()
  await client.ended()
})

test('health checks speak TLS as well', { skip }, async (t) => {
  assert.ok(authority)
  const fine = await secureService(t, good)
  const bad = await secureService(t, authority.forExpiredServer())
  for (const kind of ['http', 'tcp'] as const) {
    const rig = await startRig(t, {
      service: {
        tls: { ca },
        health: { active: { kind, interval: '100ms', timeout: '90ms', unhealthyAfter: 1, healthyAfter: 1 }, panicPercent: 0 },
      },
      ports: () => [fine.port, bad.port],
    })
    await eventually(() => rig.warnings.some((text) => text.includes('a target is unhealthy')), 'the target to be found ill')
    assert.match(rig.warnings.join('\n'), new RegExp(`127\\.0\\.0\\.1:${bad.port}.*CERT_HAS_EXPIRED`))
    assert.equal(rig.warnings.length, 1)
    for (let i = 0; i < 4; i++) assert.match(await get(rig), /^HTTP\/1\.1 200 /)
  }
})
