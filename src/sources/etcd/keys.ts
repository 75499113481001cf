import { FRAGMENTS_BYTES_MAX, FRAGMENTS_MAX, type Fragment } from '../../core/config-source.ts'
import { membersOf } from '../../core/members.ts'

/** What is asked for: one key, or all that begin with a prefix. */
export interface KeyRange {
  /** Base64, as the gateway has it. */
  readonly key: string
  /** Base64 of the first key behind the prefix; left out for one key. */
  readonly range_end?: string
}

/** What a range holds at one revision. */
export interface RangeContent {
  /** Of the whole store, at which this was read: decimal, up to 64 bits. */
  readonly revision: bigint
  /** In the order of their keys. */
  readonly fragments: readonly Fragment[]
}

/** @param path a key, or a prefix when it ends with a slash */
export function rangeOf(path: string): KeyRange {
  const key = Buffer.from(path)
  if (!path.endsWith('/')) return { key: key.toString('base64') }
  const end = Buffer.from(key)
  // The slash is its last byte, and 0 stands behind it.
  end[end.length - 1] = 0x30
  return { key: key.toString('base64'), range_end: end.toString('base64') }
}

/**
 * Reads an answer of `/v3/kv/range`.
 * @param store `etcd://host:port`, for the names of fragments
 * @throws with what is wrong with it, after the name of the store
 */
export function readRange(answer: Readonly<Record<string, unknown>>, store: string): RangeContent {
  const { header, kvs = [], more = false } = answer
  if (!Array.isArray(kvs)) throw new Error('told no list of keys')
  if (more !== false || kvs.length > FRAGMENTS_MAX) throw new Error(`has more than ${FRAGMENTS_MAX} keys there`)
  const fragments: Fragment[] = []
  let bytes = 0
  for (const entry of kvs) {
    const { key, value = '' } = membersOf(entry)
    if (typeof key !== 'string' || typeof value !== 'string') throw new Error('told a key that is none')
    const text = Buffer.from(value, 'base64')
    bytes += text.length
    if (bytes > FRAGMENTS_BYTES_MAX) throw new Error(`has more than ${FRAGMENTS_BYTES_MAX} bytes there`)
    fragments.push({ name: `${store}/${Buffer.from(key, 'base64').toString('utf8')}`, text: text.toString('utf8') })
  }
  return { revision: readRevision(header), fragments }
}

function readRevision(header: unknown): bigint {
  const { revision } = membersOf(header)
  if (typeof revision !== 'string' || !/^\d{1,19}$/.test(revision)) throw new Error('told no revision')
  return BigInt(revision)
}
