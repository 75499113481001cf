/** Certificates for tests, made when they run: an authority, and what it signs. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureDebianProgram, missingReason } from './debian.ts'

const openssl = ensureDebianProgram('openssl', 'openssl')

/** For the `skip` of tests that need certificates: false when they can be made, otherwise why not. */
export const certificatesMissing: string | false = openssl === null ? missingReason('openssl') : false

/** PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** An authority of its own. */
export class Authority {
  readonly cert: string
  readonly #key: string

  constructor(name = 'Turnpike tests') {
    const made = make(['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign'], null)
    this.cert = made.cert
    this.#key = made.key
  }

  /** For a server at 127.0.0.1, ::1 and `localhost`, or at these hosts alone. */
  forServer(...hosts: readonly string[]): Certificate {
    const names = hosts.length === 0 ? 'DNS:localhost,IP:127.0.0.1,IP:::1' : hosts.map((host) => `DNS:${host}`).join(',')
    return this.#sign(hosts[0] ?? 'localhost', ['-addext', `subjectAltName=${names}`])
  }

  /** As {@link forServer}, long ago. */
  forExpiredServer(): Certificate {
    const key = this.forServer().key
    return { cert: signExpired(key, { cert: this.cert, key: this.#key }), key }
  }

  /** @param name its common name, which is the user's */
  forClient(name: string): Certificate {
    return this.forSubject(`/CN=${name}`)
  }

  /**
   * For a client that is named as a test wants it.
   * @param subject as `openssl req -subj` takes it: `/O=Example/CN=app`, or `/` for none
   * @param alternativeNames `DNS:a.example`, `URI:spiffe://…`; whatever follows the colon is one name
   */
  forSubject(subject: string, alternativeNames: readonly string[] = []): Certificate {
    const args = ['-subj', subject, '-addext', 'basicConstraints=CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth']
    return make(args, { cert: this.cert, key: this.#key }, alternativeNames)
  }

  #sign(name: string, extensions: readonly string[]): Certificate {
    return make(['-subj', `/CN=${name}`, '-addext', 'basicConstraints=CA:FALSE', ...extensions], { cert: this.cert, key: this.#key })
  }
}

/** A configuration of OpenSSL's that lists alternative names each for itself, so that commas may stand in them. */
function configuration(alternativeNames: readonly string[]): string {
  const lines = alternativeNames.map((name, index) => {
    const colon = name.indexOf(':')
    return `${name.slice(0, colon)}.${index} = ${name.slice(colon + 1).replace(/[\\"'$#]/g, '\\$&')}`
  })
  const extension = lines.length === 0 ? [] : ['subjectAltName = @names']
  const head = ['[req]', 'distinguished_name = subject', 'x509_extensions = extensions', '[subject]', '[extensions]', ...extension]
  return [...head, '[names]', ...lines, ''].join('\n')
}

function make(args: readonly string[], issuer: Certificate | null, alternativeNames: readonly string[] | null = null): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-certificates-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  try {
    const issuerFile = join(folder, 'issuer.pem')
    if (issuer !== null) writeFileSync(issuerFile, `${issuer.cert}${issuer.key}`)
    const configFile = join(folder, 'openssl.cnf')
    if (alternativeNames !== null) writeFileSync(configFile, configuration(alternativeNames))
    const config = alternativeNames === null ? [] : ['-config', configFile, '-utf8']
    const signed = issuer === null ? [] : ['-CA', issuerFile, '-CAkey', issuerFile]
    const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    run([...kind, '-keyout', key, '-out', cert, ...config, ...signed, ...args])
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `openssl req` signs from now on only; `openssl ca` from any day, but wants a folder that looks like an authority's. */
function signExpired(key: string, issuer: Certificate): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-certificates-'))
  const [config, request, cert] = ['ca.cnf', 'request.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string, string]
  try {
    const files = [`database = ${join(folder, 'index.txt')}`, `new_certs_dir = ${folder}`, 'rand_serial = yes']
    const rules = ['default_md = sha256', 'policy = names', 'x509_extensions = extensions', '[names]', 'commonName = supplied']
    const extensions = ['[extensions]', 'subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1']
    writeFileSync(config, ['[ca]', 'default_ca = own', '[own]', ...files, ...rules, ...extensions, ''].join('\n'))
    writeFileSync(join(folder, 'index.txt'), '')
    writeFileSync(join(folder, 'key.pem'), key)
    writeFileSync(join(folder, 'issuer.pem'), `${issuer.cert}${issuer.key}`)
    run(['req', '-new', '-key', join(folder, 'key.pem'), '-subj', '/CN=localhost', '-out', request])
    const when = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z']
    const authority = ['-cert', join(folder, 'issuer.pem'), '-keyfile', join(folder, 'issuer.pem')]
    run(['ca', '-batch', '-notext', '-config', config, ...authority, ...when, '-in', request, '-out', cert])
    return readFileSync(cert, 'utf8')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(args: readonly string[]): void {
  const { status, stderr } = spawnSync(openssl ?? 'openssl', args, { encoding: 'utf8', timeout: 30_000 })
  if (status !== 0) throw new Error(`openssl failed: ${stderr}`)
}
