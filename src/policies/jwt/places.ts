import { CREDENTIAL_PLACE, type CredentialPlace, credentialPlace } from '../../core/credential-place.ts'
import type { Exchange } from '../../core/exchange.ts'

/** The forms of `from`: `header` for `Authorization: Bearer`, `bearer:NAME` for another header in this form, and the places of credentials in general. */
export const TOKEN_PLACE = new RegExp(`^header$|^bearer:[!#$%&'*+\\-.^_\`|~0-9A-Za-z]{1,256}$|${CREDENTIAL_PLACE.source}`)

/** Where a token may stand. More than one that is read is for the caller to refuse; an empty one is none. */
export function tokenPlace(written: string): CredentialPlace {
  if (written === 'header' || /^(header|bearer):authorization$/i.test(written)) return AUTHORIZATION
  if (written.startsWith('bearer:')) return new BearerPlace(written.slice('bearer:'.length))
  return new TokenPlace(credentialPlace(written))
}

const NONE: readonly string[] = []

/** What follows `Bearer` in any case (RFC 9110, 11.1); null for another scheme. */
function bearerOf(value: string): string | null {
  if (value.length < 6 || value.slice(0, 6).toLowerCase() !== 'bearer') return null
  if (value.length > 6 && value.charCodeAt(6) !== 0x20) return null
  return value.slice(7).trimStart()
}

/** A field where a token follows `Bearer`. */
class BearerPlace implements CredentialPlace {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  read({ request }: Exchange): readonly string[] {
    const values = request.headers.getAll(this.#name)
    if (values.length === 0) return NONE
    if (values.length === 1) {
      const token = bearerOf(values[0] ?? '')
      return token === null || token === '' ? NONE : [token]
    }
    // RFC 9110, 11.6.2: there is one. Whoever stands behind us may read another line than we do.
    return values.some((value) => bearerOf(value) !== null) ? values : NONE
  }

  /** Other schemes are other policies' business. */
  remove({ request: { headers } }: Exchange): void {
    if (headers.getAll(this.#name).some((value) => bearerOf(value) !== null)) headers.delete(this.#name)
  }
}

const AUTHORIZATION = new BearerPlace('Authorization')

/** The bare token, or behind `Bearer`. */
class TokenPlace implements CredentialPlace {
  readonly #place: CredentialPlace

  constructor(place: CredentialPlace) {
    this.#place = place
  }

  read(exchange: Exchange): readonly string[] {
    const values = this.#place.read(exchange)
    if (values.length !== 1) return values
    const [value = ''] = values
    const token = bearerOf(value) ?? value
    return token === '' ? NONE : [token]
  }

  remove(exchange: Exchange): void {
    this.#place.remove(exchange)
  }
}
