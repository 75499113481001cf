import { admit, deny } from '../../core/caller.ts'
import type { ClientCertificate } from '../../core/client-certificate.ts'
import type { Clock } from '../../core/clock.ts'
import { type CertificateCredential, type ConsumerDirectory, isInForce, type Owned } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { CertificateReader, type Reading } from './reading.ts'
import type { ClientCertificateOptions } from './schema.ts'

const KIND = 'client-certificate'

export const clientCertificate: PolicyDefinition<ClientCertificateOptions> = {
  kind: KIND,
  summary: 'Lets pass who has shown a TLS client certificate, and finds out whose it is.',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),

  review(_options, { clientCertificates }) {
    if (clientCertificates) return []
    const message = 'no listener asks for client certificates (`tls.clientCertificates`): nobody can show one'
    return [{ severity: 'warning', path: [], message }]
  },

  compile(options, { consumers, clock }) {
    const gate = new CertificateGate(options, consumers, clock)
    return {
      onRequest: (exchange) => gate.check(exchange),
      // Before each try: what clients send under this name is taken out behind us, by `identity-headers`.
      ...(options.forward && { onAttempt: forwardCertificate }),
    }
  },
}

const MISSING = refuse('client_certificate_missing')
const INVALID = refuse('client_certificate_invalid')
/** RFC 9440, 2: what clients may not say themselves. */
const FORGEABLE = ['client-cert', 'client-cert-chain']

class CertificateGate {
  readonly #reader: CertificateReader
  readonly #clock: Clock
  /** A connection shows the same one with every request. */
  readonly #readings = new WeakMap<ClientCertificate, Reading>()

  constructor(options: ClientCertificateOptions, consumers: ConsumerDirectory, clock: Clock) {
    this.#reader = new CertificateReader(options, consumers)
    this.#clock = clock
  }

  check(exchange: Exchange): Verdict {
    const { certificate } = exchange.client
    for (const name of FORGEABLE) exchange.request.headers.deleteForged(name)
    if (exchange.caller.isSettled) return undefined
    if (certificate === null) {
      exchange.trace?.note('no certificate')
      return deny(exchange, MISSING)
    }
    if (!certificate.isVerified) return this.#deny(exchange, `the certificate is not verified: ${certificate.fault}`)
    const reading = this.#readingOf(certificate)
    return 'fault' in reading ? this.#deny(exchange, reading.fault) : this.#admit(exchange, reading.subject, reading.owned)
  }

  #readingOf(certificate: ClientCertificate): Reading {
    const known = this.#readings.get(certificate)
    if (known !== undefined) return known
    const reading = this.#reader.read(certificate)
    this.#readings.set(certificate, reading)
    return reading
  }

  #admit(exchange: Exchange, subject: string, owned: readonly Owned<CertificateCredential>[]): Verdict {
    const epochMs = this.#clock.epochMs()
    const found = owned.find(({ credential }) => isInForce(credential, epochMs))
    if (found === undefined) {
      if (owned.length > 0) return this.#deny(exchange, "a consumer's certificate that is not in force")
      exchange.trace?.note(subject === '' ? 'a good certificate' : `the certificate of ${subject}`)
      return admit(exchange, { method: KIND, subject })
    }
    const { consumer, credential } = found
    exchange.trace?.note(`certificate ${credential.id} of consumer ${consumer.name}`)
    return admit(exchange, { method: KIND, subject, consumer, credentialId: credential.id })
  }

  #deny(exchange: Exchange, note: string): Verdict {
    exchange.trace?.note(note)
    return deny(exchange, INVALID)
  }
}

/** RFC 9440, 2.2: the certificate in DER as a byte sequence (RFC 8941, 3.3.5). Only one that this policy has let pass. */
function forwardCertificate({ client: { certificate }, caller, request }: Exchange): void {
  if (certificate === null || !caller.method.split(',').includes(KIND)) return
  let value = fieldValues.get(certificate)
  if (value === undefined) {
    value = `:${certificate.raw.toString('base64')}:`
    fieldValues.set(certificate, value)
  }
  request.headers.set('Client-Cert', value)
}

const fieldValues = new WeakMap<ClientCertificate, string>()
