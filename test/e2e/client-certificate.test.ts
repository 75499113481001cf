/** Callers by their certificates, with curl and openssl as clients. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { BatchServer, until } from '../../src/telemetry/log-receivers.fixture.ts'
import { Authority, type Certificate, certificatesMissing } from '../services/certificates.ts'
import { OtlpReceiver } from '../services/otlp-receiver.ts'
import { GatewayProcess } from './gateway-process.ts'

const run = promisify(execFile)
const skip = certificatesMissing
const options = { skip, timeout: 60_000 }
const authority = skip === false ? new Authority() : null
const KEY = 'the-key-of-the-app'

interface Answer {
  readonly status: number
  readonly code: string
  readonly headers: IncomingHttpHeaders
}

interface Scenario {
  readonly gateway: GatewayProcess
  /** What one request of curl's is answered with: the status, and the code of a refusal or the headers that the service got. */
  readonly ask: (client: Certificate | null, ...args: readonly string[]) => Promise<Answer>
}

/** A gateway that asks for certificates, in front of a service that tells the headers it got. */
async function start(
  t: TestContext,
  mode: 'request' | 'require',
  policies: string,
  consumers = '{}',
  more = 'accessLog: false',
): Promise<Scenario> {
  assert.ok(authority)
  const service = createServer(({ headers }, response) => response.end(JSON.stringify(headers))).listen(0, '127.0.0.1')
  await once(service, 'listening')
  t.after(() => {
    service.close()
    service.closeAllConnections()
  })
  const { port } = service.address() as AddressInfo
  const gateway = new GatewayProcess(t, {
    config: `
listeners: [{ host: 127.0.0.1, port: 0, tls: { certificates: [{ cert: a.pem, key: a.key }], clientCertificates: { mode: ${mode}, ca: ca.pem } } }]
admin: { port: 0 }
${more}
services: { main: { targets: ["127.0.0.1:${port}"] } }
routes: { all: { path: /*, service: main, policies: ${policies} } }
consumers: ${consumers}
`,
  })
  const place = (name: string, { cert, key }: Certificate): void => {
    writeFileSync(join(gateway.folder, `${name}.pem`), cert)
    writeFileSync(join(gateway.folder, `${name}.key`), key)
  }
  place('a', authority.forServer())
  writeFileSync(join(gateway.folder, 'ca.pem'), authority.cert)
  await gateway.ready()
  let count = 0
  return {
    gateway,
    ask: async (client, ...args) => {
      const name = `client-${++count}`
      if (client !== null) place(name, client)
      const identity = client === null ? [] : ['--cert', join(gateway.folder, `${name}.pem`), '--key', join(gateway.folder, `${name}.key`)]
      const ca = join(gateway.folder, 'ca.pem')
      const url = `https://localhost:${new URL(gateway.url).port}/`
      const { stdout } = await run('curl', [
        '-s',
        '--http1.1',
        '--max-time',
        '10',
        '-w',
        '\n%{http_code}',
        '--cacert',
        ca,
        ...identity,
        ...args,
        url,
      ])
      const end = stdout.lastIndexOf('\n')
      const told: unknown = JSON.parse(stdout.slice(0, end))
      assert.ok(typeof told === 'object' && told !== null)
      const code = 'code' in told ? String(told.code) : ''
      return { status: Number(stdout.slice(end)), code, headers: told as IncomingHttpHeaders }
    },
  }
}

test('a listener that requires a certificate lets nobody in without a good one, and says what is wrong', options, async (t) => {
  const { ask } = await start(t, 'require', '{}')
  assert.ok(authority)
  for (const version of ['--http1.1', '--http2']) {
    assert.equal((await ask(null, version)).code, 'client_certificate_missing')
    assert.equal((await ask(new Authority('another').forClient('app'), version)).code, 'client_certificate_invalid')
    assert.equal((await ask(authority.forClient('app'), version)).status, 200)
  }
})

test('the access log and spans tell what TLS agreed on, and whose certificate was shown', options, async (t) => {
  const [batches, receiver] = [new BatchServer(), new OtlpReceiver()]
  const [url, endpoint] = [await batches.open(t), await receiver.open(t)]
  const more = `
accessLog: { output: { http: "${url}", interval: 20 }, fields: [tlsVersion, tlsCipher, alpn, clientCertificate] }
tracing: { otlp: { endpoint: "${endpoint}", interval: 20 } }`
  const { ask } = await start(t, 'request', '{}', '{}', more)
  assert.ok(authority)
  await ask(authority.forSubject('/O=Partner/CN=app'), '--http2')
  await ask(null, '--tls-max', '1.2', '--no-alpn')
  await until(() => batches.lines.length === 2 && receiver.spans.filter(({ kind }) => kind === 2).length === 2)
  const lines = batches.lines.map((line): unknown => JSON.parse(line))
  const [first, second] = lines as readonly Record<string, string>[]
  assert.deepEqual([first?.['tlsVersion'], first?.['alpn'], first?.['clientCertificate']], ['1.3', 'h2', 'CN=app,O=Partner'])
  assert.match(first?.['tlsCipher'] ?? '', /^TLS_(AES|CHACHA20)_/)
  assert.deepEqual([second?.['tlsVersion'], second?.['alpn'], second?.['clientCertificate']], ['1.2', null, null])
  assert.match(second?.['tlsCipher'] ?? '', /^TLS_ECDHE_/)
  const [span, plain] = receiver.spans.filter(({ kind }) => kind === 2)
  const told = ['tls.protocol.name', 'tls.protocol.version', 'tls.cipher', 'tls.next_protocol', 'tls.client.subject']
  assert.deepEqual(
    told.map((name) => span?.attributes[name]),
    ['tls', '1.3', first?.['tlsCipher'], 'h2', 'CN=app,O=Partner'],
  )
  assert.deepEqual(
    told.map((name) => plain?.attributes[name]),
    ['tls', '1.2', second?.['tlsCipher'], undefined, undefined],
  )
})

test(
  'a certificate is its consumer, by subject, by alternative name or by fingerprint, and the service learns of it',
  options,
  async (t) => {
    assert.ok(authority)
    const named = authority.forSubject('/O=Partner, Inc./CN=partner')
    const spiffe = authority.forSubject('/CN=x', ['URI:spiffe://example.com/billing', 'DNS:Billing.example.com'])
    const pinned = authority.forClient('pinned')
    const fingerprint = new X509Certificate(pinned.cert).fingerprint256
    const { ask } = await start(
      t,
      'request',
      '{ client-certificate: { user: common-name, forward: true } }',
      `
  partner: { certificates: [{ subject: 'CN=partner,O=Partner\\, Inc.' }], groups: [partners] }
  billing: { certificates: [{ san: 'URI:spiffe://example.com/billing', id: spiffe }, { san: 'DNS:billing.example.com' }] }
  pinned: { certificates: [{ fingerprint: "${fingerprint}" }] }`,
    )
    const forged = [
      '-H',
      'Client-Cert: :AAAA:',
      '-H',
      'client_cert: :AAAA:',
      '-H',
      'Client-Cert-Chain: :AAAA:',
      '-H',
      'X-Consumer-Name: root',
    ]
    for (const [client, consumer, credential, user] of [
      [named, 'partner', 'partner-certificate-1', 'partner'],
      [spiffe, 'billing', 'spiffe', 'x'],
      [pinned, 'pinned', 'pinned-certificate-1', 'pinned'],
    ] as const) {
      const { status, headers } = await ask(client, ...forged)
      assert.equal(status, 200)
      assert.equal(headers['x-consumer-name'], consumer)
      assert.equal(headers['x-credential-id'], credential)
      assert.equal(headers['x-user-id'], user)
      assert.equal(headers['x-auth-method'], 'client-certificate')
      assert.equal(headers['client-cert'], `:${new X509Certificate(client.cert).raw.toString('base64')}:`)
      assert.equal(headers['client_cert'], undefined)
      assert.equal(headers['client-cert-chain'], undefined)
    }
    assert.equal((await ask(null)).code, 'client_certificate_missing')
    for (const subject of ['/CN=partner', '/O=Partner, Inc./CN=partner\nO=x', '/CN=partner,O=Partner\\\\, Inc.'])
      assert.equal((await ask(authority.forSubject(subject))).code, 'client_certificate_invalid', subject)
    const lookalike = authority.forSubject('/CN=x', ['DNS:a, URI:spiffe://example.com/billing'])
    assert.equal((await ask(lookalike)).code, 'client_certificate_invalid')
  },
)

test('through one port partners come with certificates and others with keys', options, async (t) => {
  assert.ok(authority)
  const { ask } = await start(
    t,
    'request',
    '{ client-certificate: {}, api-key: {}, authentication: { require: any } }',
    `{ partner: { certificates: [{ subject: CN=partner }] }, app: { keys: [${KEY}] } }`,
  )
  const withKey = ['-H', `X-API-Key: ${KEY}`]
  assert.equal((await ask(authority.forClient('partner'))).headers['x-consumer-name'], 'partner')
  assert.equal((await ask(null, ...withKey)).headers['x-consumer-name'], 'app')
  assert.equal((await ask(authority.forClient('stranger'), ...withKey)).headers['x-consumer-name'], 'app')
  assert.equal((await ask(new Authority('another').forClient('partner'), ...withKey)).headers['x-consumer-name'], 'app')
  const nothing = await ask(null)
  assert.deepEqual([nothing.status, nothing.code], [401, 'credentials_missing'])
  assert.equal((await ask(authority.forClient('stranger'))).code, 'client_certificate_invalid')
})

test('openssl resumes a session, and is the same consumer', options, async (t) => {
  assert.ok(authority)
  const { gateway } = await start(t, 'request', '{ client-certificate: {} }', '{ partner: { certificates: [{ subject: CN=partner }] } }')
  const { cert, key } = authority.forClient('partner')
  const file = (name: string): string => join(gateway.folder, name)
  writeFileSync(file('p.pem'), cert)
  writeFileSync(file('p.key'), key)
  const port = new URL(gateway.url).port
  const connect = async (...session: readonly string[]): Promise<string> => {
    const args = ['s_client', '-connect', `localhost:${port}`, '-CAfile', file('ca.pem'), '-ign_eof', '-tls1_2', ...session]
    const client = run('openssl', args, { timeout: 20_000 })
    client.child.stdin?.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    return (await client).stdout
  }
  const first = await connect('-cert', file('p.pem'), '-key', file('p.key'), '-sess_out', file('session'))
  assert.match(first, /^New, TLSv1\.2/m)
  assert.match(first, /"x-consumer-name":"partner"/)
  const second = await connect('-sess_in', file('session'))
  assert.match(second, /^Reused, TLSv1\.2/m)
  assert.match(second, /"x-consumer-name":"partner"/)
})
