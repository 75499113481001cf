import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate } from '../core/client-certificate.ts'

/** @param fault why it is not verified, in OpenSSL's words; empty when it is */
export function describeCertificate(certificate: X509Certificate, fault: string): ClientCertificate {
  return {
    isVerified: fault === '',
    fault,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    serialNumber: certificate.serialNumber,
    alternativeNames: alternativeNamesOf(certificate.subjectAltName),
    raw: certificate.raw,
  }
}

/**
 * Node gives a name as OpenSSL prints it with XN_FLAG_SEP_MULTILINE and ASN1_STRFLGS_ESC_2253 | ESC_CTRL: a level in each line, the least
 * specific first, ` + ` within a level, and values escaped as RFC 4514, 2.4 has it. Line breaks and `+` of a value are escaped as well, so
 * that none is taken for a separator.
 * @param printed undefined for a name without attributes, whatever Node's types say
 */
function nameOf(printed: string | undefined): string {
  if (printed === undefined) return ''
  return printed.split('\n').reverse().join(',').replaceAll(' + ', '+')
}

/** What a name stands behind in Node's text, and what we call it. Others (directories, names of other kinds) say nothing to us. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['DNS', 'DNS'],
  ['URI', 'URI'],
  ['email', 'email'],
  ['IP Address', 'IP'],
])

/**
 * Node prints names with `, ` between them. One with anything in it that could be read in two ways stands as a JSON string, in which commas
 * are escaped too: a certificate for `DNS:a, DNS:b` has one name, and `DNS:"a\u002c DNS:b"` is what Node says of it (CVE-2021-44532).
 */
function alternativeNamesOf(printed: string | undefined): readonly string[] {
  if (printed === undefined) return []
  return printed.split(', ').flatMap((entry) => {
    const colon = entry.indexOf(':')
    const kind = KINDS.get(entry.slice(0, colon))
    const value = unquote(entry.slice(colon + 1))
    return kind === undefined || value === null ? [] : [`${kind}:${value}`]
  })
}

/** @returns null for what is not as Node writes it */
function unquote(printed: string): string | null {
  if (!printed.startsWith('"')) return printed
  try {
    const value: unknown = JSON.parse(printed)
    return typeof value === 'string' ? value : null
  } catch {
    return null
  }
}
