import type { Headers } from './headers.ts'

/** A response that is kept, as plain data. Never changed, {@link memo} aside. */
export interface StoredResponse {
  readonly status: number
  /** Its fields, without those of framing and of the connection. No edits: the lines lie in bytes of the block's own. */
  readonly head: Headers
  readonly body: Buffer
  /** Names of the request's fields that it was chosen by (RFC 9110, 12.5.5): in lower case, sorted, none twice. Never `*`. */
  readonly vary: readonly string[]
  /** What it can be purged by. */
  readonly tags: readonly string[]
  /** Milliseconds since 1970 at which its head came. */
  readonly receivedAtMs: number
  /** Its age at that time (corrected_initial_age of RFC 9111, 4.2.3). */
  readonly initialAgeMs: number
  /** How long it is fresh, counted from age 0 (freshness_lifetime of RFC 9111, 4.2.1). */
  readonly lifetimeMs: number
  /** May never be given once it is not fresh: must-revalidate, proxy-revalidate, s-maxage, no-cache (RFC 9111, 4.2.4). */
  readonly neverStale: boolean
  /** After it ceased to be fresh: how long it may be given while it is brought up to date, and in place of a failure (RFC 5861). */
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  /** Milliseconds since 1970 from which on it is not found any more. */
  readonly keepUntilMs: number
  /** Of who answers with it, for what it would make again and again. Not kept anywhere else. */
  memo: unknown
}

/** What a response is kept under. */
export interface ResponseKey {
  /** The URI as purges name it: host in lower case without port, normalised path, query without the question mark. */
  readonly host: string
  readonly path: string
  readonly query: string
  /** All else that tells responses of one URI apart, before Vary does: the place of the policy, chosen headers, the caller. Any text. */
  readonly part: string
}

/** What was found for one request, and the right to keep an answer to it. */
export interface ResponseLookup {
  /** Null when there is none. Whether it is fresh is for who asks to find out. */
  readonly response: StoredResponse | null
  /**
   * Keeps a response in place of what is there. Not when it was purged since the look-up: it was made before that. The names in `vary`
   * count for all responses of this key from then on, together with those known before ({@link joinVary}).
   * @param headers of the request as they were at the look-up; read during the call only
   * @returns whether it is kept. Rejects with a GatewayError `store_unavailable`
   */
  put(response: StoredResponse, headers: Headers): boolean | Promise<boolean>
  /** Forgets {@link response} and no other. Rejects as {@link put} does. */
  remove(): void | Promise<void>
}

/** What is to be forgotten. */
export type Purge =
  | { readonly kind: 'all' }
  /** All responses of one URI. */
  | { readonly kind: 'key'; readonly host: string; readonly path: string; readonly query: string }
  /** All below a path, by whole segments as routes count them; see {@link isBelow}. @param host null for any */
  | { readonly kind: 'prefix'; readonly host: string | null; readonly path: string }
  | { readonly kind: 'tag'; readonly tag: string }

/** Keeps responses, in memory or in Redis. Bounded: what it has no room for it forgets. */
export interface ResponseStore {
  /**
   * Synchronous where the responses are in memory, else one round trip in the usual case. A purge that was done before is never missed.
   * @param headers the request's, for Vary; not to be changed before the answer is there
   * Rejects with a GatewayError `store_unavailable`
   */
  lookup(key: ResponseKey, headers: Headers): ResponseLookup | Promise<ResponseLookup>
  /** Forgets all responses of a URI, under whatever `part`: an unsafe method changed it (RFC 9111, 4.4). Rejects as {@link lookup} does. */
  invalidate(host: string, path: string, query: string): void | Promise<void>
  /** Takes effect at once, for all who share the store, and for answers that are being fetched. Rejects as {@link lookup} does. */
  purge(purge: Purge): void | Promise<void>
}

/** Most names in a Vary that is kept; a response with more is none that anybody would find again. */
export const VARY_NAMES_MAX = 16

/**
 * The names that tell the responses of one key apart: those known before and those of a new one, so that a service that names some fields
 * with one answer and other fields with the next does not have its answers thrown out in turn. Sorted as both are; beyond
 * {@link VARY_NAMES_MAX} the new ones alone.
 * @returns `known` itself when nothing was added
 */
export function joinVary(known: readonly string[], names: readonly string[]): readonly string[] {
  if (names.every((name) => known.includes(name))) return known
  const joined = [...new Set([...known, ...names])].sort()
  return joined.length <= VARY_NAMES_MAX ? joined : names
}

/**
 * What a request has under the names of a Vary, as one text; the same text means that a response fits (RFC 9111, 4.1). Values are compared
 * as they are, but for lists of codings and languages: case and blanks make no difference there.
 */
export function varyValues(names: readonly string[], headers: Headers): string {
  let text = ''
  for (const name of names) {
    const value = headers.getJoined(name)
    // A field that is absent fits only where it was absent; no value holds a line break.
    if (value !== undefined) text += LISTS.has(name) ? `=${value.toLowerCase().replaceAll(/[\t ]+/g, '')}` : `=${value}`
    text += '\n'
  }
  return text
}

const LISTS: ReadonlySet<string> = new Set(['accept-encoding', 'accept-language'])

/** Whether a path is the prefix itself or lies below it, by whole segments: `/a` has `/a`, `/a/` and `/a/b`, not `/ab`; `/a/` not `/a`. */
export function isBelow(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false
  return path.length === prefix.length || prefix.endsWith('/') || path[prefix.length] === '/'
}

/** Whether a purge means a response with this URI and these tags. */
export function isPurgedBy(purge: Purge, { host, path, query }: Omit<ResponseKey, 'part'>, tags: readonly string[]): boolean {
  switch (purge.kind) {
    case 'all':
      return true
    case 'key':
      return purge.path === path && purge.query === query && purge.host === host
    case 'prefix':
      return (purge.host === null || purge.host === host) && isBelow(purge.path, path)
    case 'tag':
      return tags.includes(purge.tag)
  }
}
