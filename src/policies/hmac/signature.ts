/** Signatures in `Authorization`: draft-cavage-http-signatures-12, and the `hmac` scheme of Kong, which grew out of an earlier draft. */
import type { Headers } from '../../core/headers.ts'

export const ALGORITHM_NAMES = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const

export type Algorithm = (typeof ALGORITHM_NAMES)[number]

/** Where signatures stand, and how what they are made of is put together. */
export const FORM_NAMES = ['hmac', 'signature', 'message'] as const

export type Form = (typeof FORM_NAMES)[number]

export interface Signature {
  readonly form: Form
  readonly keyId: string
  /** As it was written, in lower case; empty when it follows from the key. */
  readonly algorithm: string
  /** What is signed, in order, each as it stands in what is signed. */
  readonly covered: readonly string[]
  readonly bytes: Buffer
  /** Seconds since 1970; null when it does not say. */
  readonly created: number | null
  readonly expires: number | null
  /** RFC 9421: what stands behind `@signature-params`. Null for a signature of the drafts. */
  readonly parameters: string | null
}

const SCHEME = /^(signature|hmac)(?: +|$)/i
/** One parameter and the comma behind it. */
const PARAMETER = /[ \t]*([A-Za-z]{1,32})=(?:"([\x20\x21\x23-\x5b\x5d-\x7e]*)"|(\d{1,12}))[ \t]*(,|$)/y
const CHARS_MAX = 8_192
const COVERED_MAX = 50
const COVERED = /^(\((request-target|created|expires)\)|@request-target|[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256})$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The signature in the values of `Authorization`; null for none (another scheme or form counts as none), 'malformed' for what cannot be read
 * in one way.
 */
export function readSignature(values: readonly string[], forms: readonly Form[]): Signature | null | 'malformed' {
  if (!values.some((value) => hasForm(value, forms))) return null
  const [value = ''] = values
  // RFC 9110, 11.6.2: there is one. Whoever stands behind us may read another line than we do.
  if (values.length > 1 || value.length > CHARS_MAX) return 'malformed'
  const isKong = value.slice(0, 4).toLowerCase() === 'hmac'
  const parameters = parametersOf(value.replace(SCHEME, ''))
  return (parameters !== null && signatureOf(parameters, isKong)) || 'malformed'
}

function hasForm(value: string, forms: readonly Form[]): boolean {
  const scheme = SCHEME.exec(value)?.[1]?.toLowerCase()
  return forms.some((form) => form === scheme)
}

/** Takes signatures out of what goes to the service; other schemes stay. */
export function removeSignature(headers: Headers): void {
  if (headers.has('Signature-Input')) {
    headers.delete('Signature-Input')
    headers.delete('Signature')
  }
  if (headers.getAll('Authorization').some((value) => SCHEME.test(value))) headers.delete('Authorization')
}

/** Null for what is not well-formed, or says something twice. */
function parametersOf(text: string): ReadonlyMap<string, string> | null {
  const parameters = new Map<string, string>()
  PARAMETER.lastIndex = 0
  for (;;) {
    const match = PARAMETER.exec(text)
    if (match === null) return null
    const [, name = '', quoted, number = '', end] = match
    if (parameters.has(name)) return null
    parameters.set(name, quoted ?? number)
    if (end === '') return parameters
  }
}

function signatureOf(parameters: ReadonlyMap<string, string>, isKong: boolean): Signature | null {
  const keyId = parameters.get(isKong ? 'username' : 'keyId') ?? ''
  const encoded = parameters.get('signature') ?? ''
  // Draft 12, 2.1.6: without the list it is the time of creation alone that is signed.
  const covered = coveredOf(parameters.get('headers') ?? (isKong ? '' : '(created)'), isKong)
  const bytes = bytesOf(encoded)
  const created = secondsOf(parameters.get('created'))
  const expires = secondsOf(parameters.get('expires'))
  if (keyId === '' || covered === null || bytes === null || created === undefined || expires === undefined) return null
  const algorithm = (parameters.get('algorithm') ?? '').toLowerCase()
  if (isKong && algorithm === '') return null
  // Draft 12, 2.3: these belong to signatures whose algorithm follows from the key.
  if (algorithm.startsWith('hmac') && (covered.includes('(created)') || covered.includes('(expires)'))) return null
  return {
    form: isKong ? 'hmac' : 'signature',
    keyId,
    algorithm: algorithm === 'hs2019' ? '' : algorithm,
    covered,
    bytes,
    created,
    expires,
    parameters: null,
  }
}

/** Names in lower case; Kong has them signed as they are written. Null for none, a wrong one, or one that stands twice. */
function coveredOf(text: string, isKong: boolean): readonly string[] | null {
  const names = text.split(' ').map((name) => (isKong ? name : name.toLowerCase()))
  if (names.length > COVERED_MAX || new Set(names.map((name) => name.toLowerCase())).size !== names.length) return null
  return names.every((name) => COVERED.test(name)) ? names : null
}

export function bytesOf(encoded: string): Buffer | null {
  if (encoded === '' || !BASE64.test(encoded)) return null
  const bytes = Buffer.from(encoded, 'base64')
  // The bits that padding leaves over are zero (RFC 4648, 3.5): one signature has one form.
  return bytes.toString('base64') === encoded ? bytes : null
}

/** Undefined for what is no whole number of seconds. */
function secondsOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return null
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined
}
