import { type CredentialPlace, credentialPlace } from '../../core/credential-place.ts'

/** A place in the body, which has to be read first. */
export class BodyPlace {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** Where an API key may stand: as it is, or in `Authorization` behind a scheme. */
export function keyPlace(written: string, scheme: boolean): CredentialPlace | BodyPlace {
  if (written.startsWith('body:')) return new BodyPlace(written.slice('body:'.length))
  return scheme && written.toLowerCase() === 'header:authorization' ? AUTHORIZATION : credentialPlace(written)
}

/** Schemes are compared without regard to case (RFC 9110, 11.1). */
const SCHEME = /^(apikey|bearer)(?: +|$)/i

/** Other schemes are other policies'. */
const AUTHORIZATION: CredentialPlace = {
  read: ({ request }) =>
    request.headers.getAll('Authorization').flatMap((value) => (SCHEME.test(value) ? [value.replace(SCHEME, '')] : [])),
  remove({ request: { headers } }) {
    if (headers.getAll('Authorization').some((value) => SCHEME.test(value))) headers.delete('Authorization')
  },
}
