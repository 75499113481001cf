import { constants, createHash, hkdfSync, X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { SecureContext, Server, TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../core/client-certificate.ts'
import type { TlsFacts } from '../core/exchange.ts'
import { nodeTls } from '../core/lazy-builtins.ts'
import { describeCertificate } from './client-certificate.ts'

/** What is shown to clients, and what they have to show. PEM texts that have been checked. */
export interface TlsSettings {
  /** At least one; the first counts where no host fits. */
  readonly certificates: readonly TlsCertificate[]
  readonly minVersion: '1.2' | '1.3'
  /** Of TLS 1.2, as OpenSSL names them; null for {@link DEFAULT_CIPHERS}. */
  readonly ciphers: string | null
  /** The CAs of client certificates; null where none is asked for. */
  readonly clientCa: string | null
  /** Whether HTTP/2 is offered beside HTTP/1.1 (ALPN, RFC 7301). */
  readonly http2: boolean
}

export interface TlsCertificate {
  readonly cert: string
  readonly key: string
  readonly passphrase: string | null
  /** In lower case; `*.example.com` takes one label. */
  readonly hosts: readonly string[]
}

/** A connection whose handshake is done. */
export interface SecureConnection {
  readonly socket: TLSSocket
  readonly protocol: 'http/1.1' | 'h2'
  readonly certificate: ClientCertificate | null
  readonly tls: TlsFacts
}

/** Forward secrecy and AEAD alone (RFC 9325, 4.2). Those of TLS 1.3 are all of that kind. */
const DEFAULT_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
const TLS_1_3_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

/** How long one ticket key is in use. A stolen key opens TLS 1.2 sessions of this time alone (RFC 5077, 5.5). */
const TICKET_KEY_MS = 12 * 3600 * 1000

/** Makes TLS connections of accepted ones: chooses the certificate, and resumes sessions also of other workers with the same seed. */
export class TlsAcceptor {
  readonly #server: Server
  readonly #ticketSeed: string
  readonly #epochMs: () => number
  #ticketPeriod = -1
  /** Connections within their handshake, by the client's address and port. */
  readonly #handshaking = new Map<string, Handshake>()

  /**
   * @param ticketSeed secret that all workers share; sessions are resumed by tickets under keys derived from it (RFC 5077, RFC 8446, 4.6.1)
   * @param handshakeTimeoutMs longest time for a handshake
   * @throws Error when OpenSSL does not take a certificate, key or cipher
   */
  constructor(settings: TlsSettings, ticketSeed: string, handshakeTimeoutMs: number, epochMs: () => number) {
    const contexts = new ContextTable(settings)
    this.#ticketSeed = ticketSeed
    this.#epochMs = epochMs
    this.#server = nodeTls().createServer({
      ...contextOptions(settings, contexts.certificatesOf(settings.certificates[0])),
      SNICallback: (name, choose) => choose(null, contexts.find(name)),
      ALPNProtocols: settings.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      requestCert: settings.clientCa !== null,
      // A client without a good certificate is told so in HTTP, where it can read it; see `requiresCertificate`.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
      // A session carries that its client was verified: it must not be resumed where other CAs count.
      sessionIdContext: createHash('sha256')
        .update(`turnpike ${settings.clientCa ?? ''}`)
        .digest('hex')
        .slice(0, 32),
    })
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket))
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const handshake = this.#take(socket)
      socket.destroy()
      handshake?.raw.destroy()
      handshake?.onFailed(error.code ?? error.message)
    })
  }

  /**
   * Begins the handshake on an accepted connection. One of the callbacks is called, once.
   * @param onFailed with a code of OpenSSL's or Node's (`ERR_SSL_HTTP_REQUEST`); the connection is closed by then
   */
  accept(raw: Socket, onSecure: (connection: SecureConnection) => void, onFailed: (code: string) => void): void {
    this.#renewTicketKeys()
    const key = keyOf(raw)
    this.#handshaking.set(key, { raw, onSecure, onFailed })
    raw.once('close', () => {
      const handshake = this.#handshaking.get(key)
      if (handshake?.raw !== raw) return
      this.#handshaking.delete(key)
      onFailed('ECONNRESET')
    })
    this.#server.emit('connection', raw)
  }

  /** Closes what is still within its handshake. */
  cut(): void {
    for (const { raw } of this.#handshaking.values()) raw.destroy()
  }

  #take(socket: Socket): Handshake | undefined {
    const key = keyOf(socket)
    const handshake = this.#handshaking.get(key)
    this.#handshaking.delete(key)
    return handshake
  }

  #onSecure(socket: TLSSocket): void {
    const handshake = this.#take(socket)
    if (handshake === undefined) {
      socket.destroy()
      return
    }
    handshake.onSecure({
      socket,
      protocol: socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1',
      certificate: certificateOf(socket, this.#epochMs()),
      tls: factsOf(socket),
    })
  }

  #renewTicketKeys(): void {
    const period = Math.floor(this.#epochMs() / TICKET_KEY_MS)
    if (period === this.#ticketPeriod) return
    this.#ticketPeriod = period
    this.#server.setTicketKeys(Buffer.from(hkdfSync('sha256', this.#ticketSeed, '', `turnpike tickets ${period}`, 48)))
  }
}

interface Handshake {
  readonly raw: Socket
  readonly onSecure: (connection: SecureConnection) => void
  readonly onFailed: (code: string) => void
}

/** Tells the connections of one listener apart. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}

function factsOf(socket: TLSSocket): TlsFacts {
  return {
    version: (socket.getProtocol() ?? '').replace('TLSv', ''),
    cipher: socket.getCipher().standardName,
    serverName: typeof socket.servername === 'string' ? socket.servername.toLowerCase() : '',
    alpn: socket.alpnProtocol === false || socket.alpnProtocol === null ? '' : socket.alpnProtocol,
  }
}

function certificateOf(socket: TLSSocket, nowMs: number): ClientCertificate | null {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  // One that was verified in an earlier handshake may have expired since: a resumed session is not looked at again.
  const fault = socket.authorized ? (isExpired(certificate, nowMs) ? 'CERT_HAS_EXPIRED' : '') : String(socket.authorizationError)
  return describeCertificate(certificate, fault)
}

function isExpired({ validToDate }: X509Certificate, nowMs: number): boolean {
  return validToDate.getTime() <= nowMs
}

function contextOptions({ minVersion, ciphers, clientCa }: TlsSettings, certificates: readonly TlsCertificate[]) {
  return {
    cert: certificates.map(({ cert }) => cert),
    key: certificates.map(({ key, passphrase }) => ({ pem: key, ...(passphrase !== null && { passphrase }) })),
    minVersion: minVersion === '1.3' ? ('TLSv1.3' as const) : ('TLSv1.2' as const),
    ciphers: `${TLS_1_3_CIPHERS}:${ciphers ?? DEFAULT_CIPHERS}`,
    honorCipherOrder: true,
    // A client that renegotiates makes the server work; no client of HTTP needs it (RFC 9325, 3.5).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(clientCa !== null && { ca: clientCa }),
  }
}

/** The contexts for the hosts of all certificates. A host with certificates of several kinds of key (RSA, EC) shows what the client can verify. */
class ContextTable {
  readonly #certificates: readonly TlsCertificate[]
  readonly #byHost = new Map<string, SecureContext>()

  constructor(settings: TlsSettings) {
    this.#certificates = settings.certificates
    const made = new Map<string, SecureContext>()
    for (const host of new Set(settings.certificates.flatMap(({ hosts }) => hosts))) {
      const fitting = this.#forHost(host)
      const key = fitting.map((certificate) => settings.certificates.indexOf(certificate)).join(' ')
      const context = made.get(key) ?? nodeTls().createSecureContext(contextOptions(settings, fitting))
      made.set(key, context)
      this.#byHost.set(host, context)
    }
  }

  /** Of the context that is shown where no host fits: the first certificate, and those of other keys for the same host. */
  certificatesOf(first: TlsCertificate | undefined): readonly TlsCertificate[] {
    const host = first?.hosts[0]
    return first === undefined ? [] : host === undefined ? [first] : this.#forHost(host)
  }

  #forHost(host: string): readonly TlsCertificate[] {
    const byKeyType = new Map<string, TlsCertificate>()
    for (const certificate of this.#certificates) {
      if (!certificate.hosts.includes(host)) continue
      const type = new X509Certificate(certificate.cert).publicKey.asymmetricKeyType ?? ''
      if (!byKeyType.has(type)) byKeyType.set(type, certificate)
    }
    return [...byKeyType.values()]
  }

  /** The context for a name that a client asks for (RFC 6066, 3): by the name itself, or by a star for its first label. Undefined for none. */
  find(name: string): SecureContext | undefined {
    const host = name.toLowerCase()
    const dot = host.indexOf('.')
    return this.#byHost.get(host) ?? (dot === -1 ? undefined : this.#byHost.get(`*${host.slice(dot)}`))
  }
}
