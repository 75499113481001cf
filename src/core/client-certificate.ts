/** What is known of the certificate that a client has shown in its TLS handshake, whose key it has proved to have. */
export interface ClientCertificate {
  /** Whether it was issued by a CA of the listener and is in force. Only then does anything else here mean anything. */
  readonly isVerified: boolean
  /** Why it is not verified, in OpenSSL's words (`CERT_HAS_EXPIRED`); empty when it is. */
  readonly fault: string
  /** SHA-256 of the certificate in DER, 64 hexadecimal digits in lower case. */
  readonly fingerprint: string
  /** As RFC 4514 writes it, most specific first: `CN=app,O=Example`. */
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal digits in upper case. */
  readonly serialNumber: string
  /** Subject alternative names as `DNS:a.example`, `URI:spiffe://…`, `email:…`, `IP:…`. */
  readonly alternativeNames: readonly string[]
  /** The certificate in DER. */
  readonly raw: Buffer
}

const HOST = /^(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/
const SCHEME = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,2048}$/
const MAILBOX = /^[\x21-\x3f\x41-\x7e]{1,64}@/

/**
 * The one form of an alternative name that a client may be known by: `DNS:a.example` and the host of `email:App@a.example` in lower case
 * (RFC 5280, 7.2 and 7.5), `URI:spiffe://…` as it is. Null for what is none, and for other kinds.
 */
export function normalAlternativeName(text: string): string | null {
  const colon = text.indexOf(':')
  const value = text.slice(colon + 1)
  switch (text.slice(0, colon).toLowerCase()) {
    case 'dns':
      return HOST.test(value.toLowerCase()) ? `DNS:${value.toLowerCase()}` : null
    case 'uri':
      return SCHEME.test(value) ? `URI:${value}` : null
    case 'email': {
      const local = MAILBOX.exec(value)?.[0]
      if (local === undefined) return null
      const host = value.slice(local.length).toLowerCase()
      return HOST.test(host) ? `email:${local}${host}` : null
    }
    default:
      return null
  }
}
