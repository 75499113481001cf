/** Certificates and keys that a configuration names: read, and checked against each other, before anything is opened with them. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { nodeTls } from '../core/lazy-builtins.ts'
import type { Problem } from './diagnostics.ts'
import type { NativeConfig } from './schema.ts'
import { NO_FOLDER, pathBeside, type ReadFile, reasonOf } from './secret.ts'
import { type ConfigNode, type ConfigPath, locate } from './tree.ts'

export interface TlsFiles {
  readonly readFile: ReadFile
  /** Takes the path of every file that was asked for: a certificate that is renewed there is taken over. */
  readonly onFile: (path: string) => void
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

const PEM_BYTES_MAX = 1024 * 1024
/** A certificate that is about to expire is worth a warning: its renewal has probably failed. */
const EXPIRY_WARNING_MS = 7 * 24 * 3600 * 1000

/** Puts what is in files in place of their names, in the `tls` of listeners and services. Changes `config`; what is wrong is told at its place. */
export async function resolveTls(config: NativeConfig, tree: ConfigNode, files: TlsFiles, problems: Problem[]): Promise<void> {
  const reader = new Reader(tree, files, problems)
  for (const [index, { tls }] of config.listeners.entries()) {
    const at = ['listeners', index, 'tls']
    for (const [number, certificate] of (tls?.certificates ?? []).entries())
      await reader.resolvePair([...at, 'certificates', number], certificate)
    const clients = tls?.clientCertificates
    if (clients !== undefined) await reader.resolveCa([...at, 'clientCertificates'], clients)
    if (tls?.ciphers !== undefined) reader.checkCiphers([...at, 'ciphers'], tls.ciphers)
  }
  for (const [name, { tls }] of Object.entries(config.services)) {
    if (typeof tls !== 'object') continue
    const at = ['services', name, 'tls']
    await reader.resolveCa(at, tls)
    if (tls.cert !== undefined) await reader.resolvePair(at, tls)
    if (!tls.verify)
      problems.push({
        severity: 'warning',
        location: locate(tree, [...at, 'verify']),
        message: 'certificates are not verified: anybody on the way to this service can read and change what passes',
      })
  }
}

/** A certificate with its key, as configured: names of files, or PEM text. */
interface Pair {
  cert?: string | undefined
  key?: string | undefined
  readonly passphrase?: string | undefined
}

class Reader {
  readonly #tree: ConfigNode
  readonly #files: TlsFiles
  readonly #problems: Problem[]

  constructor(tree: ConfigNode, files: TlsFiles, problems: Problem[]) {
    this.#tree = tree
    this.#files = files
    this.#problems = problems
  }

  #tell(severity: Problem['severity'], at: ConfigPath, message: string): null {
    this.#problems.push({ severity, location: locate(this.#tree, at), message })
    return null
  }

  async resolvePair(at: ConfigPath, pair: Pair): Promise<void> {
    const cert = await this.#pem([...at, 'cert'], pair.cert)
    const key = await this.#pem([...at, 'key'], pair.key)
    if (cert === null || key === null) return
    pair.cert = cert
    pair.key = key
    const certificate = this.#certificate([...at, 'cert'], cert)
    if (certificate === null) return
    try {
      const privateKey = createPrivateKey({ key, ...(pair.passphrase !== undefined && { passphrase: pair.passphrase }) })
      if (!certificate.checkPrivateKey(privateKey)) this.#tell('error', [...at, 'key'], 'the key does not belong to the certificate')
      else nodeTls().createSecureContext({ cert, key, ...(pair.passphrase !== undefined && { passphrase: pair.passphrase }) })
    } catch {
      const isEncrypted = key.includes('ENCRYPTED')
      const expected = isEncrypted ? 'expected the right `passphrase` for this key' : 'expected a private key in PEM'
      this.#tell('error', [...at, 'key'], expected)
    }
  }

  async resolveCa(at: ConfigPath, holder: { ca?: string | undefined }): Promise<void> {
    if (holder.ca === undefined) return
    const ca = await this.#pem([...at, 'ca'], holder.ca)
    if (ca === null) return
    for (const [block] of ca.matchAll(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs)) this.#certificate([...at, 'ca'], block)
    if (!ca.includes('-----BEGIN CERTIFICATE-----')) this.#tell('error', [...at, 'ca'], 'expected certificates in PEM')
    holder.ca = ca
  }

  checkCiphers(at: ConfigPath, ciphers: string): void {
    try {
      nodeTls().createSecureContext({ ciphers })
    } catch {
      this.#tell('error', at, 'expected names of ciphers that OpenSSL knows, with `:` between them')
    }
  }

  #certificate(at: ConfigPath, pem: string): X509Certificate | null {
    let certificate: X509Certificate
    try {
      certificate = new X509Certificate(pem)
    } catch {
      return this.#tell('error', at, 'expected a certificate in PEM')
    }
    const { nowMs } = this.#files
    const endsAt = certificate.validToDate.getTime()
    const day = certificate.validToDate.toISOString().slice(0, 10)
    if (endsAt <= nowMs) this.#tell('warning', at, `the certificate has expired on ${day}`)
    else if (endsAt - nowMs < EXPIRY_WARNING_MS) this.#tell('warning', at, `the certificate expires on ${day}`)
    return certificate
  }

  /** The text itself, or what is in the file of that name. */
  async #pem(at: ConfigPath, written: string | undefined): Promise<string | null> {
    if (written === undefined) return null
    if (written.includes('-----BEGIN ')) return written
    const { file: document } = locate(this.#tree, at)
    const path = /[\n\r\0]/.test(written) ? null : pathBeside(document, written)
    if (path === null) return this.#tell('error', at, `expected the name of a file, or PEM text; ${NO_FOLDER}`)
    this.#files.onFile(path)
    try {
      return await this.#files.readFile(path, PEM_BYTES_MAX)
    } catch (error) {
      return this.#tell('error', at, `the file cannot be read: ${reasonOf(error)}`)
    }
  }
}

/** The hosts that a certificate is for: its DNS names, or, without any, its common name. Empty for what is no certificate. */
export function certificateHosts(pem: string): string[] {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    return []
  }
  const names = [...(certificate.subjectAltName ?? '').matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name = '']) => name)
  if (names.length > 0) return names
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1]
  return common === undefined ? [] : [common]
}
