import { type ClientCertificate, normalAlternativeName } from '../../core/client-certificate.ts'
import type { CertificateCredential, CertificateMark, ConsumerDirectory, Owned } from '../../core/consumers.ts'
import { formatDistinguishedName, parseDistinguishedName, valuesOfType } from '../../core/distinguished-name.ts'
import type { ClientCertificateOptions } from './schema.ts'

/** What a certificate says here: what is wrong with it, or who is meant. */
export type Reading =
  | { readonly fault: string }
  | {
      /** Empty for none. */
      readonly subject: string
      /** Credentials of one consumer that it fits, in force or not; none where it may be nobody's. */
      readonly owned: readonly Owned<CertificateCredential>[]
    }

/** Services refuse heads of more than 8 to 16 KiB, and this is a third longer in base64. */
const FORWARDED_BYTES_MAX = 6_144

/** Finds out whose certificate one is. What it says does not change with time, so that it is read once for a connection. */
export class CertificateReader {
  readonly #options: ClientCertificateOptions
  readonly #consumers: ConsumerDirectory

  constructor(options: ClientCertificateOptions, consumers: ConsumerDirectory) {
    this.#options = options
    this.#consumers = consumers
  }

  /** @param certificate a verified one */
  read(certificate: ClientCertificate): Reading {
    const { issuers, consumers, allowUnknown, forward } = this.#options
    if (forward && certificate.raw.length > FORWARDED_BYTES_MAX) return { fault: 'the certificate is too large to be passed on' }
    if (issuers?.includes(normalName(certificate.issuer) ?? '') === false) return { fault: 'the issuer is none of `issuers`' }
    const subject = this.#userOf(certificate)
    if (subject === null) return { fault: `the certificate has none, or several, of what names the user (${this.#options.user})` }
    const owned = consumers ? this.#ownersOf(certificate) : []
    if (new Set(owned.map(({ consumer }) => consumer.name)).size > 1) return { fault: 'the certificate fits more than one consumer' }
    if (owned.length === 0 && consumers && !allowUnknown) return { fault: "the certificate is no consumer's" }
    return { subject, owned }
  }

  /** @returns null where the user cannot be told */
  #userOf({ subject, alternativeNames }: ClientCertificate): string | null {
    switch (this.#options.user) {
      case 'none':
        return ''
      case 'common-name':
        return only(valuesOfType(parseDistinguishedName(subject) ?? [], 'CN'))
      case 'san-uri':
        return only(namesOfKind(alternativeNames, 'URI:'))
      case 'san-email':
        return only(namesOfKind(alternativeNames, 'email:'))
    }
  }

  #ownersOf({ fingerprint, subject, alternativeNames }: ClientCertificate): readonly Owned<CertificateCredential>[] {
    const marks: (readonly [CertificateMark, string | null])[] = [
      ['fingerprint', fingerprint],
      ...alternativeNames.map((name) => ['san', normalAlternativeName(name)] as const),
      ['subject', normalName(subject)],
    ]
    return marks.flatMap(([by, value]) => (value === null ? [] : (this.#consumers.byCertificate(by, value) ?? [])))
  }
}

/** The one of them; null where there is none, an empty one, or a choice. */
function only(values: readonly string[]): string | null {
  const [value = ''] = values
  return values.length === 1 && value !== '' ? value : null
}

function namesOfKind(names: readonly string[], prefix: string): readonly string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
}

function normalName(text: string): string | null {
  const name = parseDistinguishedName(text)
  return name === null ? null : formatDistinguishedName(name)
}
