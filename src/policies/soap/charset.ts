/** Bytes of a document as text. */
import { isAscii } from 'node:buffer'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const UTF16LE = new TextDecoder('utf-16le', { fatal: true, ignoreBOM: true })
const UTF16BE = new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true })

type Charset = 'utf-8' | 'utf-16' | 'utf-16le' | 'utf-16be' | 'us-ascii' | 'iso-8859-1'

const CHARSETS: ReadonlyMap<string, Charset> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['utf-16', 'utf-16'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
  ['us-ascii', 'us-ascii'],
  ['ascii', 'us-ascii'],
  ['iso-8859-1', 'iso-8859-1'],
  ['latin1', 'iso-8859-1'],
])

const DECLARATION_BYTES_MAX = 256

/** The name that a declaration gives, in bytes that are ASCII as far as it reaches. */
const DECLARED = /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']/

/**
 * The text of a document in UTF-8, UTF-16, US-ASCII or ISO-8859-1. A byte order mark comes before what the media type says, that before the
 * declaration, and without any it is UTF-8 (RFC 7303, 3). Where two of them say different things and it matters, there is no text.
 * @param named the charset of the media type, empty for none
 * @returns undefined for another charset, a contradiction, or bytes that are not of it
 */
export function decodeXml(bytes: Buffer, named: string): string | undefined {
  const mark = markOf(bytes)
  const declared = DECLARED.exec(bytes.subarray(0, DECLARATION_BYTES_MAX).latin1Slice())?.[1] ?? ''
  const fromType = named === '' ? undefined : CHARSETS.get(named.toLowerCase())
  const fromText = declared === '' ? undefined : CHARSETS.get(declared.toLowerCase())
  if ((named !== '' && fromType === undefined) || (named === '' && mark === null && declared !== '' && fromText === undefined))
    return undefined
  const charset = mark?.charset ?? fromType ?? fromText ?? 'utf-8'
  const isPlain = isAscii(bytes)
  if (!isPlain && [fromType, fromText].some((other) => other !== undefined && !agrees(charset, other))) return undefined
  return decode(bytes.subarray(mark?.bytes ?? 0), charset)
}

interface Mark {
  readonly charset: Charset
  readonly bytes: number
}

function markOf(bytes: Buffer): Mark | null {
  const [first, second, third] = bytes
  if (first === 0xef && second === 0xbb && third === 0xbf) return { charset: 'utf-8', bytes: 3 }
  if (first === 0xff && second === 0xfe) return { charset: 'utf-16le', bytes: 2 }
  if (first === 0xfe && second === 0xff) return { charset: 'utf-16be', bytes: 2 }
  return null
}

function agrees(charset: Charset, other: Charset): boolean {
  return charset === other || (other === 'utf-16' && charset.startsWith('utf-16'))
}

function decode(bytes: Buffer, charset: Charset): string | undefined {
  try {
    if (charset === 'utf-8') return UTF8.decode(bytes)
    if (charset === 'us-ascii') return isAscii(bytes) ? bytes.latin1Slice() : undefined
    // Not over TextDecoder, which means windows-1252 by this name.
    if (charset === 'iso-8859-1') return bytes.latin1Slice()
    // Without a mark UTF-16 is big-endian (RFC 2781, 4.3).
    return (charset === 'utf-16le' ? UTF16LE : UTF16BE).decode(bytes)
  } catch {
    return undefined
  }
}
