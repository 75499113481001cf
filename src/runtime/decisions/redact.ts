/** What of a request a record or an explanation may show: never a credential, wherever it stands. */
import { HIDDEN, withoutTokens } from '../../core/token-text.ts'

/**
 * Names of fields and of query parameters whose values are hidden. Rather too much than too little: what a record does not show can be looked
 * up at the client, and what it shows can be read by everybody who may read records. The id of a credential, as `identity-headers` tells it, is none,
 * nor is what CORS says of credentials.
 */
const SECRET_NAME =
  /(?:^|[-_.])(?:key|code|sig|pin|otp|auth|jwt|sid|state|nonce)$|token|secret|passw|pwd|api[-_]?key|signature|credential(?!-id(?:entifier)?$)(?<!^access-control-allow-credential)|session|authori[sz]ation|assertion|cookie|turnpike-debug/i

/** Whether the values of a field or a query parameter of this name are hidden, whatever the configuration says. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** Fields whose values are URLs. */
const URL_FIELD = /^(?:referer|origin|location|content-location)$/

/** Where the policies of a configuration look for credentials: `header:x-partner`, `query:k`; names of headers in lower case. */
export type SecretPlaces = ReadonlySet<string>

export const NO_SECRET_PLACES: SecretPlaces = new Set()

/** Field lines as pairs of name, as it was sent, and value. */
export function shownFields(lines: string, secrets: SecretPlaces): [string, string][] {
  return fieldsOf(lines).map(([name, value]) => [name, shownValue(name.toLowerCase(), value, secrets)])
}

/** Field lines, each with its CRLF, as pairs. */
export function fieldsOf(lines: string): [string, string][] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
}

/** The value of a field as it may be shown. @param name in lower case */
export function shownValue(name: string, value: string, secrets: SecretPlaces): string {
  if (isSecretName(name) || secrets.has(`header:${name}`)) return HIDDEN
  const shown = URL_FIELD.test(name) ? shownTarget(value, secrets) : value
  return withoutTokens(shown)
}

/** A request target or a URL, values of sensitive query parameters hidden. */
export function shownTarget(target: string, secrets: SecretPlaces): string {
  const mark = target.indexOf('?')
  if (mark === -1) return withoutTokens(target)
  const query = target
    .slice(mark + 1)
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=')
      const name = equals === -1 ? pair : pair.slice(0, equals)
      return equals !== -1 && isSecret(name, secrets) ? `${name}=${HIDDEN}` : pair
    })
  return withoutTokens(`${target.slice(0, mark)}?${query.join('&')}`)
}

/** A route may look at a field or a parameter that is a secret: neither what it expects nor what came is told. */
export function shownMiss<Miss extends { readonly message: string }>(miss: Miss, secrets: SecretPlaces): Miss {
  const [, where, name = ''] = /^(header|query) ([^:]+): /.exec(miss.message) ?? []
  const isHidden = where !== undefined && (isSecretName(name) || secrets.has(`${where}:${name}`))
  return { ...miss, message: isHidden ? `${where} ${name}: not as expected; its value is hidden` : withoutTokens(miss.message) }
}

function isSecret(written: string, secrets: SecretPlaces): boolean {
  let name = written
  try {
    name = decodeURIComponent(written.replaceAll('+', ' '))
  } catch {
    // It is looked at as it stands.
  }
  return isSecretName(name) || secrets.has(`query:${name}`)
}
