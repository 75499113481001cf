import { FRAGMENTS_BYTES_MAX, FRAGMENTS_MAX, type Fragment } from '../../core/config-source.ts'

/**
 * Reads an answer of `/v1/kv/…`: each key is a document. Keys that end with a slash and are empty, which tools make to show a folder, are none.
 *
 * @param store `consul://host:port`, for the names of fragments
 * @throws with what is wrong with it, after the words `the answer of …`
 * @see https://developer.hashicorp.com/consul/api-docs/kv#read-key
 */
export function readKeys(answer: unknown, store: string): readonly Fragment[] {
  if (!Array.isArray(answer)) throw new Error('is no list')
  if (answer.length > FRAGMENTS_MAX) throw new Error(`has more than ${FRAGMENTS_MAX} keys`)
  const fragments: Fragment[] = []
  let bytes = 0
  for (const [index, entry] of answer.entries()) {
    if (!isPair(entry)) throw new Error(`has no key and value at [${index}]`)
    const key = entry.Key
    const text = Buffer.from(entry.Value ?? '', 'base64')
    if (key.endsWith('/') && text.length === 0) continue
    bytes += text.length
    if (bytes > FRAGMENTS_BYTES_MAX) throw new Error(`has more than ${FRAGMENTS_BYTES_MAX} bytes`)
    fragments.push({ name: `${store}/${key}`, text: text.toString('utf8') })
  }
  return fragments.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Consul says null of a key that is empty. */
function isPair(entry: unknown): entry is { readonly Key: string; readonly Value: string | null } {
  if (typeof entry !== 'object' || entry === null || !('Key' in entry) || !('Value' in entry)) return false
  return typeof entry.Key === 'string' && (typeof entry.Value === 'string' || entry.Value === null)
}
