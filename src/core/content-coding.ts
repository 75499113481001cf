import { promisify } from 'node:util'
import {
  brotliDecompress,
  brotliDecompressSync,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib'
import type { Headers } from './headers.ts'

/** A content coding that bodies can be read in (RFC 9110, 8.4.1; zstd: RFC 8878). */
export type ContentCoding = 'identity' | 'gzip' | 'deflate' | 'br' | 'zstd'

/** Bodies up to here are decoded at once: another thread costs more than that. */
const SYNC_INPUT_BYTES_MAX = 65_536
/** What is decoded at once stays below this, so that a small body which is a bomb holds nobody up. */
const SYNC_OUTPUT_BYTES_MAX = 1_048_576

interface Bound {
  readonly maxOutputLength: number
}

interface Decoder {
  readonly now: (body: Buffer, bound: Bound) => Buffer
  readonly later: (body: Buffer, bound: Bound) => Promise<Buffer>
}

const GZIP: Decoder = { now: gunzipSync, later: promisify<Buffer, Bound, Buffer>(gunzip) }
const ZLIB: Decoder = { now: inflateSync, later: promisify<Buffer, Bound, Buffer>(inflate) }
const RAW_DEFLATE: Decoder = { now: inflateRawSync, later: promisify<Buffer, Bound, Buffer>(inflateRaw) }
const BROTLI: Decoder = { now: brotliDecompressSync, later: promisify<Buffer, Bound, Buffer>(brotliDecompress) }
const ZSTD: Decoder = { now: zstdDecompressSync, later: promisify<Buffer, Bound, Buffer>(zstdDecompress) }

/**
 * Whether a Node decodes Brotli safely: before 26.12.1 its decoder writes out of bounds (CVE-2026-111497).
 * @param version as `process.version`
 */
export function decodesBrotli(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split('.').map(Number.parseFloat)
  if (major !== 26) return major > 26
  return minor === 12 ? patch >= 1 : minor > 12
}

const READABLE: ReadonlyMap<string, ContentCoding> = new Map([
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  // RFC 9110, 8.4.1.3: the old name.
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ...(decodesBrotli(process.version) ? [['br', 'br'] as const] : []),
  ['zstd', 'zstd'],
])

/** The coding of a body; null for one that cannot be read here, and for several at once. */
export function contentCodingOf(headers: Headers): ContentCoding | null {
  const value = headers.getJoined('Content-Encoding')
  return value === undefined ? 'identity' : (READABLE.get(value.trim().toLowerCase()) ?? null)
}

/** What is left of an Accept-Encoding (RFC 9110, 12.5.3) when only codings that can be read here are offered; `identity` for nothing. */
export function readableOnly(acceptEncoding: string): string {
  const kept = acceptEncoding.split(',').filter((item) => READABLE.has(item.replace(/;.*/s, '').trim().toLowerCase()))
  return kept.map((item) => item.trim()).join(', ') || 'identity'
}

/** A body without its coding; or why there is none. */
export type Decoded = Buffer | 'too large' | 'malformed'

/**
 * Takes the coding off a body. Small ones are decoded within the call, others on another thread.
 * @param bytesMax of the decoded body: decoding stops there, however much a bomb would still give
 */
export function decodeContent(coding: ContentCoding, body: Buffer, bytesMax: number): Decoded | Promise<Decoded> {
  if (coding === 'identity') return body.length > bytesMax ? 'too large' : body
  const decoder = decoderOf(coding, body)
  if (body.length <= SYNC_INPUT_BYTES_MAX) {
    const decoded = decodeNow(decoder, body, Math.min(bytesMax, SYNC_OUTPUT_BYTES_MAX))
    if (decoded !== 'too large' || bytesMax <= SYNC_OUTPUT_BYTES_MAX) return decoded
  }
  return decoder.later(body, { maxOutputLength: bytesMax }).catch(problemOf)
}

function decoderOf(coding: Exclude<ContentCoding, 'identity'>, body: Buffer): Decoder {
  if (coding === 'gzip') return GZIP
  if (coding === 'br') return BROTLI
  if (coding === 'zstd') return ZSTD
  // RFC 9110, 8.4.1.2 means the zlib format, and notes that some send the data without it. A zlib header names method 8.
  return ((body[0] ?? 0) & 0x0f) === 8 ? ZLIB : RAW_DEFLATE
}

function decodeNow(decoder: Decoder, body: Buffer, maxOutputLength: number): Decoded {
  try {
    return decoder.now(body, { maxOutputLength })
  } catch (error) {
    return problemOf(error)
  }
}

function problemOf(error: unknown): 'too large' | 'malformed' {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'malformed'
}
