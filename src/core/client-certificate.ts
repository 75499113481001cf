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
