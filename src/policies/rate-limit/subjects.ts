import { hash } from 'node:crypto'
import type { Exchange, RequestHead } from '../../core/exchange.ts'
import type { LimitSubjects } from '../../core/limit-view.ts'
import { addressKey } from './address.ts'

export const SUBJECT_WORDS = ['ip', 'user', 'consumer', 'credential', 'api-key', 'route', 'service', 'identity'] as const

/** What a limit counts by. */
export type Subject =
  | { readonly kind: (typeof SUBJECT_WORDS)[number] }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'path'; readonly path: string }

/** @param written a word of {@link SUBJECT_WORDS}, `header:NAME` or `path:/a/path` */
export function subjectOf(written: string): Subject {
  if (written.startsWith('header:')) return { kind: 'header', name: written.slice('header:'.length) }
  if (written.startsWith('path:')) return { kind: 'path', path: written.slice('path:'.length) }
  const kind = SUBJECT_WORDS.find((word) => word === written)
  if (kind === undefined) throw new Error(`no limit by ${written}`)
  return { kind }
}

export function needsNoIdentity({ kind }: Subject): boolean {
  return kind === 'ip' || kind === 'header' || kind === 'path' || kind === 'route' || kind === 'service'
}

/** The state that an exchange counts in, as a short text; empty when it has nothing of that kind. */
export type KeyReader = (exchange: Exchange, memo: KeyMemo) => string

/** Keys of the last request of a connection: most send the same again and again. */
export interface KeyMemo {
  address: string
  prefix: number
  ip: string
  subject: string
  user: string
  apiKey: string
  key: string
}

const memos = new WeakMap<RequestHead, KeyMemo>()

export function memoOf(request: RequestHead): KeyMemo {
  const known = memos.get(request)
  if (known !== undefined) return known
  const memo: KeyMemo = { address: '', prefix: 0, ip: '', subject: '', user: '', apiKey: '', key: '' }
  memos.set(request, memo)
  return memo
}

/** @param otherwise what to count by when one of `by` is missing; null for not at all */
export function keyReader(by: readonly Subject[], otherwise: Subject | null, ipv6Prefix: number): KeyReader {
  const readers = by.map((subject) => readerOf(subject, ipv6Prefix))
  const [first = NOTHING] = readers
  const read = readers.length === 1 ? first : joined(readers)
  if (otherwise === null) return read
  const readOther = readerOf(otherwise, ipv6Prefix)
  return (exchange, memo) => read(exchange, memo) || readOther(exchange, memo)
}

const NOTHING: KeyReader = () => ''

/** All of them or none: a part that is missing would throw together what belongs apart. No part holds the bar. */
function joined(readers: readonly KeyReader[]): KeyReader {
  return (exchange, memo) => {
    let key = ''
    for (const read of readers) {
      const part = read(exchange, memo)
      if (part === '') return ''
      key = key === '' ? part : `${key}|${part}`
    }
    return key
  }
}

function readerOf(subject: Subject, ipv6Prefix: number): KeyReader {
  const ip = ipReader(ipv6Prefix)
  switch (subject.kind) {
    case 'ip':
      return ip
    case 'user':
      return user
    case 'consumer':
      return consumer
    case 'identity':
      return (exchange, memo) => consumer(exchange, memo) || user(exchange, memo) || ip(exchange, memo)
    case 'credential':
      return credential
    case 'api-key':
      return apiKey
    case 'route':
      return ({ route }) => (route === null || route.name === '' ? '' : routeKey(route.name))
    case 'service':
      return ({ route }) => (route === null || route.serviceName === '' ? '' : serviceKey(route.serviceName))
    case 'header':
      return headerReader(subject.name)
    case 'path':
      return pathReader(subject.path)
  }
}

function ipReader(prefix: number): KeyReader {
  return ({ client: { address } }, memo) => {
    if (memo.address !== address || memo.prefix !== prefix) {
      memo.address = address
      memo.prefix = prefix
      memo.ip = ipKey(address, prefix)
    }
    return memo.ip
  }
}

const user: KeyReader = ({ caller: { subject } }, memo) => {
  if (subject === '') return ''
  if (memo.subject !== subject) {
    memo.subject = subject
    memo.user = userKey(subject)
  }
  return memo.user
}

/** Whatever the credential was; where nothing tells a user's tokens apart, the user. */
const credential: KeyReader = ({ caller }) => {
  const { method, consumer: owner, credentialId, subject, isVerified } = caller
  if (!isVerified || (credentialId === '' && subject === '')) return ''
  return anyCredentialKey(`${method}/${owner?.name ?? ''}/${credentialId === '' ? subject : credentialId}`)
}

const consumer: KeyReader = ({ caller }) => (caller.consumer === null ? '' : consumerKey(caller.consumer.name))

/** What may hold a secret is not written into a store as it came. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key'])

function headerReader(name: string): KeyReader {
  return ({ request }) => {
    const value = request.headers.get(name)
    return value === undefined || value === '' ? '' : headerKey(name, value)
  }
}

/** All who ask for this path count together. */
function pathReader(path: string): KeyReader {
  const key = pathKey(path)
  return ({ request }) => (request.path === path ? key : '')
}

/** The credential that was verified; where none was, the key that came: as good as the client's word, so that a limit by address belongs beside. */
const apiKey: KeyReader = ({ caller, request }, memo) => {
  if (caller.credentialId !== '' && caller.method.split(',').includes('api-key')) {
    return credentialKey(caller.consumer?.name ?? '', caller.credentialId)
  }
  const value = request.headers.get('X-API-Key')
  if (value === undefined || value === '') return ''
  if (memo.apiKey !== value) {
    memo.apiKey = value
    memo.key = unverifiedKey(hash('sha256', value, 'base64url'))
  }
  return memo.key
}

// --- the texts that name states

const ipKey = (address: string, prefix: number): string => `i:${short(addressKey(address, prefix))}`
const userKey = (subject: string): string => `u:${short(subject)}`
const consumerKey = (name: string): string => `c:${short(name)}`
/** @param written kind of policy, name of the consumer, id of the credential or name of the user, with slashes between them */
const anyCredentialKey = (written: string): string => `d:${short(written)}`
const credentialKey = (consumerName: string, id: string): string => `k:${short(`${consumerName}/${id}`)}`
/** @param sha256 in base64url */
const unverifiedKey = (sha256: string): string => `a:${shortened(sha256)}`
const routeKey = (name: string): string => `r:${short(name)}`
const serviceKey = (name: string): string => `s:${short(name)}`
const pathKey = (path: string): string => `p:${short(path)}`
const headerKey = (name: string, value: string): string => `h:${SECRET_FIELDS.has(name.toLowerCase()) ? digest(value) : short(value)}`

/** The word of `by`, with the names of headers in lower case. */
export function wordOf(subject: Subject): string {
  return subject.kind === 'header' ? `header:${subject.name.toLowerCase()}` : subject.kind
}

/** What a subject of an exchange of `given` counts as: its key, and which of the given words it took. Empty when they do not say. */
export function namedKey(
  subject: Subject,
  given: LimitSubjects,
  ipv6Prefix: number,
): { readonly key: string; readonly words: readonly string[] } {
  const { ip = '', user: subjectName = '', consumer: consumerName = '', route = '', service = '' } = given
  const named = (value: string, word: string, key: (value: string) => string) =>
    value === '' ? UNKNOWN : { key: key(value), words: [word] }
  const byIp = () => named(ip, 'ip', (address) => ipKey(address, ipv6Prefix))
  const byUser = () => named(subjectName, 'user', userKey)
  const byConsumer = () => named(consumerName, 'consumer', consumerKey)
  switch (subject.kind) {
    case 'ip':
      return byIp()
    case 'user':
      return byUser()
    case 'consumer':
      return byConsumer()
    case 'identity':
      return [byConsumer, byUser, byIp].map((read) => read()).find(({ key }) => key !== '') ?? UNKNOWN
    case 'credential':
      return named(given['credential'] ?? '', 'credential', anyCredentialKey)
    case 'path':
      return { key: pathKey(subject.path), words: [] }
    case 'api-key':
      return namedApiKey(given['api-key'] ?? '', consumerName)
    case 'route':
      return named(route, 'route', routeKey)
    case 'service':
      return named(service, 'service', serviceKey)
    case 'header':
      return named(given[wordOf(subject)] ?? '', wordOf(subject), (value) => headerKey(subject.name, value))
  }
}

function namedApiKey(written: string, consumerName: string) {
  if (written === '') return UNKNOWN
  if (!written.startsWith('sha256:')) return { key: credentialKey(consumerName, written), words: ['consumer', 'api-key'] }
  const sha256 = Buffer.from(written.slice('sha256:'.length), 'hex').toString('base64url')
  return { key: unverifiedKey(sha256), words: ['api-key'] }
}

const UNKNOWN = { key: '', words: [] } as const

const PLAIN = /^[A-Za-z0-9._:@+/=-]{1,64}$/

/** Keys have a bound and hold nothing that could be taken for a separator: what is longer or stranger is replaced by its digest. */
function short(text: string): string {
  return PLAIN.test(text) ? text : digest(text)
}

/** 132 bits of SHA-256. The first character stands in no plain text, so that nobody is called like another's digest. */
function digest(text: string): string {
  return shortened(hash('sha256', text, 'base64url'))
}

function shortened(sha256: string): string {
  return `#${sha256.slice(0, 22)}`
}
