import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../core/client-certificate.ts'

/** @param fault why it is not verified, in OpenSSL's words; empty when it is */
export function describeCertificate(certificate: X509Certificate, fault: string): ClientCertificate {
  return {
    isVerified: fault === '',
    fault,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: certificate.subject,
    issuer: certificate.issuer,
    serialNumber: certificate.serialNumber,
    alternativeNames: (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== ''),
    raw: certificate.raw,
  }
}
