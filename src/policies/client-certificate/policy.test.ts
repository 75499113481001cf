import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit, deny } from '../../core/caller.ts'
import type { ClientCertificate } from '../../core/client-certificate.ts'
import type { CertificateCredential } from '../../core/consumers.ts'
import { refuse } from '../../core/reply.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, problemsOf } from '../testing.ts'
import { contextOf, type Period, START, type TestConsumers } from '../testing-consumers.ts'
import { clientCertificate } from './policy.ts'

const FINGERPRINT = 'ab'.repeat(32)

function certificateWith(parts: Partial<ClientCertificate> = {}): ClientCertificate {
  return {
    isVerified: true,
    fault: '',
    fingerprint: FINGERPRINT,
    subject: 'CN=app,O=Example',
    issuer: 'CN=CA,O=Example',
    serialNumber: '01',
    alternativeNames: ['DNS:App.example', 'URI:spiffe://example/app', 'email:app@Example.com', 'IP:192.0.2.1'],
    raw: Buffer.from('der'),
    ...parts,
  }
}

function credential(by: CertificateCredential['by'], value: string, period: Period = {}): CertificateCredential {
  return { kind: 'certificate', id: 'certificate-1', notBeforeMs: null, expiresAtMs: null, ...period, by, value }
}

const APP: TestConsumers = { app: [credential('subject', 'CN=app,O=Example')] }
const NOBODYS = { consumers: false }

/** Who is let in, or the code of the refusal. */
async function outcome(certificate: ClientCertificate | null, options: object = {}, consumers: TestConsumers = APP): Promise<string> {
  const exchange = exchangeOf()
  exchange.client.certificate = certificate
  const verdict = onRequest(await compilePolicy(clientCertificate, options, contextOf(consumers).context), exchange)
  const { consumer, credentialId, method, subject } = exchange.caller
  return verdict === undefined ? [method, consumer?.name, credentialId, subject].filter(Boolean).join(' ') : `${verdict.code}`
}

test('a certificate lets its consumer in, whatever it is known by', async () => {
  for (const known of [
    credential('fingerprint', FINGERPRINT),
    credential('subject', 'CN=app,O=Example'),
    credential('san', 'DNS:app.example'),
    credential('san', 'URI:spiffe://example/app'),
    credential('san', 'email:app@example.com'),
  ])
    assert.equal(await outcome(certificateWith(), {}, { app: [known] }), 'client-certificate app certificate-1', known.value)
})

test('who shows none, one that is not verified, or one that is nobody’s, is refused', async () => {
  assert.equal(await outcome(null), 'client_certificate_missing')
  for (const fault of ['CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT'])
    for (const options of [{}, NOBODYS, { allowUnknown: true }])
      assert.equal(await outcome(certificateWith({ isVerified: false, fault }), options), 'client_certificate_invalid')
  for (const subject of ['CN=other,O=Example', 'CN=app', 'CN=app\\,O=Example', 'CN=App,O=Example', 'O=Example,CN=app', ''])
    assert.equal(await outcome(certificateWith({ subject })), 'client_certificate_invalid', subject)
})

test('one that is nobody’s passes where that is said, or where consumers are not looked at', async () => {
  const stranger = certificateWith({ subject: 'CN=stranger' })
  assert.equal(await outcome(stranger, { allowUnknown: true }), 'client-certificate')
  assert.equal(await outcome(certificateWith(), { allowUnknown: true }), 'client-certificate app certificate-1')
  assert.equal(await outcome(certificateWith(), NOBODYS), 'client-certificate')
  assert.notDeepEqual(await problemsOf(clientCertificate, { consumers: false, allowUnknown: true }), [])
})

test('one that fits two consumers is refused, and one that fits one twice is not', async () => {
  const bySubject = credential('subject', 'CN=app,O=Example')
  const byName = credential('san', 'DNS:app.example')
  assert.equal(await outcome(certificateWith(), {}, { app: [bySubject], other: [byName] }), 'client_certificate_invalid')
  assert.equal(await outcome(certificateWith(), {}, { app: [bySubject, byName] }), 'client-certificate app certificate-1')
})

test('a credential counts in its time, and another of the same consumer stands in', async () => {
  const { time, context } = contextOf({
    app: [
      credential('fingerprint', FINGERPRINT, { id: 'old', expiresAtMs: START + 1_000 }),
      credential('subject', 'CN=app,O=Example', { id: 'new', notBeforeMs: START + 500, expiresAtMs: START + 2_000 }),
    ],
  })
  const steps = await compilePolicy(clientCertificate, {}, context)
  const exchange = exchangeOf()
  exchange.client.certificate = certificateWith()
  const ids = [0, 999, 1_000, 2_000].map((at) => {
    time.epochMs = START + at
    exchange.caller.reset()
    return onRequest(steps, exchange)?.code ?? exchange.caller.credentialId
  })
  assert.deepEqual(ids, ['old', 'old', 'new', 'client_certificate_invalid'])
})

test('the user is what the certificate says once', async () => {
  const names = (...alternativeNames: string[]) => certificateWith({ alternativeNames })
  for (const [user, certificate, expected] of [
    ['none', certificateWith(), 'client-certificate'],
    ['common-name', certificateWith(), 'client-certificate app'],
    ['common-name', certificateWith({ subject: 'CN=a\\,b,O=x' }), 'client-certificate a,b'],
    ['common-name', certificateWith({ subject: 'O=x' }), 'client_certificate_invalid'],
    ['common-name', certificateWith({ subject: 'CN=a,CN=b' }), 'client_certificate_invalid'],
    ['common-name', certificateWith({ subject: 'CN=' }), 'client_certificate_invalid'],
    ['san-uri', certificateWith(), 'client-certificate spiffe://example/app'],
    ['san-uri', names('URI:spiffe://a', 'URI:spiffe://b'), 'client_certificate_invalid'],
    ['san-email', names('DNS:a', 'email:a@b.example'), 'client-certificate a@b.example'],
    ['san-email', names('DNS:email:a@b.example'), 'client_certificate_invalid'],
  ] as const)
    assert.equal(await outcome(certificate, { ...NOBODYS, user }), expected, `${user} ${certificate.subject}`)
})

test('only the issuers that are named count', async () => {
  const options = { ...NOBODYS, issuers: ['cn=CA, O=Example', 'CN=Other'] }
  assert.equal(await outcome(certificateWith(), options), 'client-certificate')
  for (const issuer of ['CN=CA', 'O=Example,CN=CA', ''])
    assert.equal(await outcome(certificateWith({ issuer }), options), 'client_certificate_invalid', issuer)
  assert.notDeepEqual(await problemsOf(clientCertificate, { issuers: ['CA of ours'] }), [])
})

test('where another credential is enough, a wrong certificate says more than none, and a 401 more than that none was shown', async () => {
  const steps = await compilePolicy(clientCertificate, {}, contextOf(APP).context)
  const refused = (certificate: ClientCertificate | null) => {
    const exchange = exchangeOf()
    exchange.client.certificate = certificate
    exchange.caller.anyOf = true
    assert.equal(onRequest(steps, exchange), undefined)
    if (!exchange.caller.isSettled) assert.equal(deny(exchange, refuse('credentials_missing')), undefined)
    return exchange.caller.refusal?.code
  }
  assert.equal(refused(null), 'credentials_missing')
  assert.equal(refused(certificateWith({ subject: 'CN=other' })), 'client_certificate_invalid')
  assert.equal(refused(certificateWith()), undefined)
})

test('the service gets the certificate where it is to, and never what a client says it is', async () => {
  const forged = ['Client-Cert', 'client_cert', 'CLIENT.CERT', 'Client-Cert-Chain', 'client_cert_chain']
  const seen = async (options: object, certificate: ClientCertificate | null, anyOf = false) => {
    const steps = await compilePolicy(clientCertificate, options, contextOf(APP).context)
    const exchange = exchangeOf({ headers: forged.map((name) => [name, ':Zm9yZ2Vk:'] as const) })
    exchange.client.certificate = certificate
    exchange.caller.anyOf = anyOf
    onRequest(steps, exchange)
    if (anyOf) admit(exchange, { method: 'jwt', subject: 'anna' })
    steps.onAttempt?.(exchange, { number: 1, target: '', startedAt: 0, endedAt: 0, status: 0, error: null })
    return fieldsOf(exchange.request.headers)
  }
  assert.deepEqual(await seen({}, certificateWith()), [])
  assert.deepEqual(await seen({ forward: true }, certificateWith()), ['client-cert: :ZGVy:'])
  assert.deepEqual(await seen({ forward: true }, certificateWith(), true), ['client-cert: :ZGVy:'])
  assert.deepEqual(await seen({ forward: true }, certificateWith({ subject: 'CN=other' }), true), [])
  assert.deepEqual(await seen({ forward: true }, null, true), [])
  const large = certificateWith({ raw: Buffer.alloc(20_000) })
  assert.equal(await outcome(large, { forward: true }), 'client_certificate_invalid')
  assert.equal(await outcome(large), 'client-certificate app certificate-1')
})

test('a route that no client can show a certificate to is told', () => {
  const around = { optionsOf: () => undefined, authenticates: true, stores: new Set<never>(), consumers: new Set<string>() }
  const options = { consumers: true, allowUnknown: false, user: 'none', forward: false } as const
  const remarks = (clientCertificates: boolean) => clientCertificate.review?.(options, { ...around, clientCertificates })
  assert.deepEqual(remarks(true), [])
  assert.equal(remarks(false)?.[0]?.severity, 'warning')
})
