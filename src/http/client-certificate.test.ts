import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { Authority, certificatesMissing } from '../../test/services/certificates.ts'
import { describeCertificate } from './client-certificate.ts'

const skip = certificatesMissing
const authority = skip === false ? new Authority() : null

/** What is told of a certificate with this subject, as `openssl -subj` takes it, and these names. */
function described(subject: string, ...alternativeNames: readonly string[]) {
  const { cert } = authority?.forSubject(subject, alternativeNames) ?? { cert: '' }
  return describeCertificate(new X509Certificate(cert), '')
}

const named = (...names: readonly string[]) => described('/CN=a', ...names).alternativeNames

test('subject and issuer are written as RFC 4514 has them', { skip }, () => {
  const { subject, issuer, isVerified, fault } = described('/C=DE/O=Example GmbH/CN=app')
  assert.equal(subject, 'CN=app,O=Example GmbH,C=DE')
  assert.equal(issuer, 'CN=Turnpike tests')
  assert.deepEqual([isVerified, fault], [true, ''])
})

test('what stands in a value is not taken for another part of the name', { skip }, () => {
  for (const [written, expected] of [
    ['/CN=a,CN=admin', 'CN=a\\,CN=admin'],
    ['/CN=a\nCN=admin', 'CN=a\\0ACN=admin'],
    ['/CN=a \\+ CN=admin', 'CN=a \\+ CN=admin'],
    ['/CN=a \\\\\\+ CN=admin', 'CN=a \\\\\\+ CN=admin'],
    ['/O=x/CN=a+UID=u', 'CN=a+UID=u,O=x'],
    ['/CN= a"<>; ', 'CN=\\ a\\"\\<\\>\\;\\ '],
    ['/CN=#a', 'CN=\\#a'],
    ['/CN=Lučić', 'CN=Lučić'],
    ['/', ''],
  ] as const)
    assert.equal(described(written).subject, expected, written)
})

test('alternative names are told by kind', { skip }, () => {
  const all = ['DNS:a.example', 'DNS:*.b.example', 'URI:spiffe://x/y', 'email:a@b.example', 'IP:127.0.0.1']
  assert.deepEqual(named(...all), all)
  assert.deepEqual(named(), [])
})

test('one alternative name is not taken for two, whatever is in it', { skip }, () => {
  for (const written of ['DNS:a, DNS:admin', 'DNS:a", DNS:"admin', 'URI:x:", DNS:admin', 'DNS:a\\u002c DNS:admin', 'email:"a", "b"@c'])
    assert.deepEqual(named(written), [written])
  assert.deepEqual(named('otherName:1.3.6.1.5.5.7.8.5;UTF8:a, DNS:admin', 'DNS:a'), ['DNS:a'])
})

test('the fingerprint is that of the DER, and a fault makes it unverified', { skip }, () => {
  const { cert } = authority?.forClient('app') ?? { cert: '' }
  const x509 = new X509Certificate(cert)
  const told = describeCertificate(x509, 'CERT_HAS_EXPIRED')
  assert.match(told.fingerprint, /^[0-9a-f]{64}$/)
  assert.equal(told.fingerprint, x509.fingerprint256.replaceAll(':', '').toLowerCase())
  assert.deepEqual(told.raw, x509.raw)
  assert.deepEqual([told.isVerified, told.fault], [false, 'CERT_HAS_EXPIRED'])
})
