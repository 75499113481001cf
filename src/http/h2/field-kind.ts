import {
  headerName,
  ID_CONNECTION,
  ID_CONTENT_LENGTH,
  ID_EXPECT,
  ID_HOST,
  ID_KEEP_ALIVE,
  ID_PROXY_AUTHENTICATE,
  ID_PROXY_AUTHORIZATION,
  ID_PROXY_CONNECTION,
  ID_TE,
  ID_TRANSFER_ENCODING,
  ID_UPGRADE,
  knownNameId,
} from '../../core/header-names.ts'

/**
 * What a field's name means to HTTP/2. It is found out once, when a field enters a table, and not again each time the field is named by
 * its index.
 */
export const PLAIN = 0
/** No name that a field may have (RFC 9113, 8.2.1), or one of HTTP/1.1's own (8.2.2): the message is malformed. */
export const ILLEGAL_NAME = 1
export const METHOD = 2
export const SCHEME = 3
export const AUTHORITY = 4
export const PATH = 5
export const STATUS = 6
/** Names below this one and above {@link ILLEGAL_NAME} are pseudo-header fields. */
export const HOST = 7
export const CONTENT_LENGTH = 8
export const TE = 9
export const COOKIE = 10
export const EXPECT = 11
/** Meant for us, and not for whoever we forward to (RFC 9110, 11.7). */
export const PROXY_AUTHENTICATE = 12
export const PROXY_AUTHORIZATION = 13
/** Added to a kind when the value is none that a field may have. */
export const ILLEGAL_VALUE = 32

const PSEUDO = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':status', STATUS],
])

const KIND_BY_ID = new Uint8Array(64)
for (const id of [ID_CONNECTION, ID_KEEP_ALIVE, ID_PROXY_CONNECTION, ID_TRANSFER_ENCODING, ID_UPGRADE]) KIND_BY_ID[id] = ILLEGAL_NAME
KIND_BY_ID[ID_HOST] = HOST
KIND_BY_ID[ID_CONTENT_LENGTH] = CONTENT_LENGTH
KIND_BY_ID[ID_TE] = TE
KIND_BY_ID[ID_EXPECT] = EXPECT
KIND_BY_ID[headerName('Cookie').id] = COOKIE
KIND_BY_ID[ID_PROXY_AUTHORIZATION] = PROXY_AUTHORIZATION
KIND_BY_ID[ID_PROXY_AUTHENTICATE] = PROXY_AUTHENTICATE

const NAME = 1
const VALUE = 2
const CLASS = new Uint8Array(256)
for (let byte = 0x20; byte <= 0xff; byte++) CLASS[byte] = VALUE
CLASS[0x7f] = 0
CLASS[0x09] = VALUE
// RFC 9113, 8.2.1: no upper case, which two parties could fold differently.
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") CLASS[char.charCodeAt(0)] = NAME | VALUE

/** The kind of the name at `bytes[start..end)`. */
export function kindOfName(bytes: Buffer, start: number, end: number): number {
  if (end === start) return ILLEGAL_NAME
  if (bytes[start] === 0x3a) return end - start > 10 ? ILLEGAL_NAME : (PSEUDO.get(bytes.latin1Slice(start, end)) ?? ILLEGAL_NAME)
  for (let at = start; at < end; at++) if (((CLASS[bytes[at] as number] as number) & NAME) === 0) return ILLEGAL_NAME
  return KIND_BY_ID[knownNameId(bytes, start, end)] as number
}

/**
 * 0 when `bytes[start..end)` may be a value: no control characters but the tab, as in HTTP/1.1, and no white space at its ends (RFC 9113,
 * 8.2.1), which other parties take off. Else {@link ILLEGAL_VALUE}.
 */
export function kindOfValue(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (((CLASS[bytes[at] as number] as number) & VALUE) === 0) return ILLEGAL_VALUE
  if (end === start) return 0
  return isBlank(bytes[start] as number) || isBlank(bytes[end - 1] as number) ? ILLEGAL_VALUE : 0
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}
