import { isIP } from 'node:net'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { nodeTls } from '../core/lazy-builtins.ts'

/** How TLS is spoken with a service. PEM texts that have been checked. */
export interface ClientTlsSettings {
  /** Null for the CAs that Node knows. */
  readonly ca: string | null
  /** What is shown to targets that ask for it, with its key; null for nothing. */
  readonly cert: string | null
  readonly key: string | null
  readonly passphrase: string | null
  /** The name that certificates must hold; null for the target's own. */
  readonly serverName: string | null
  readonly verify: boolean
  readonly minVersion: '1.2' | '1.3'
}

/** A resumed session is not verified anew (RFC 8446, 2.2): after so long there is a whole handshake again. */
const SESSION_MAX_MS = 3600 * 1000

/** What all targets of a service have in common: certificates, keys and CAs, read once. */
export class ClientTls {
  readonly settings: ClientTlsSettings
  readonly context: SecureContext

  /** Throws when OpenSSL does not take a certificate or key. */
  constructor(settings: ClientTlsSettings) {
    const { ca, cert, key, passphrase, minVersion } = settings
    this.settings = settings
    this.context = nodeTls().createSecureContext({
      ...(ca !== null && { ca }),
      ...(cert !== null && { cert }),
      ...(key !== null && { key }),
      ...(passphrase !== null && { passphrase }),
      minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    })
  }
}

/** One target as TLS sees it: its name, and the session that the next connection resumes. */
export class TlsPeer {
  readonly #tls: ClientTls
  /** What its certificate must hold: a name or an IP address. */
  readonly #name: string
  #session: Buffer | null = null
  /** Milliseconds since 1970. */
  #sessionEndsAt = 0

  constructor(tls: ClientTls, host: string) {
    this.#tls = tls
    // A name has no dot at its end there (RFC 6066, 3).
    this.#name = (tls.settings.serverName ?? host).replace(/\.$/, '')
  }

  /** For `tls.connect`. @param protocols to offer (ALPN, RFC 7301), the preferred one first */
  options(protocols: readonly string[]): ConnectionOptions {
    const { context, settings } = this.#tls
    const session = Date.now() < this.#sessionEndsAt ? this.#session : null
    return {
      secureContext: context,
      ALPNProtocols: protocols.slice(),
      // Said outright: an environment variable must not switch verification off.
      rejectUnauthorized: settings.verify,
      checkServerIdentity: (_host, certificate) => nodeTls().checkServerIdentity(this.#name, certificate),
      // RFC 6066, 3: a name only, no address.
      ...(isIP(this.#name) === 0 && { servername: this.#name }),
      ...(session !== null && { session }),
    }
  }

  /** Keeps the newest session that the target gives on this connection. It ends with the certificate that was verified for it. */
  keepSessions(socket: TLSSocket): void {
    socket.on('session', (session: Buffer) => {
      this.#session = session
      // One that comes on a resumed connection goes on with the old verification.
      if (socket.isSessionReused()) return
      const certificateEndsAt = socket.getPeerX509Certificate()?.validToDate.getTime() ?? 0
      this.#sessionEndsAt = Math.min(Date.now() + SESSION_MAX_MS, certificateEndsAt)
    })
  }
}
