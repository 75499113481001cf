/** What a response tells of what the cache did. */
import { createHash } from 'node:crypto'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { ResponseKey } from '../../core/response-store.ts'
import { CACHE_NAME } from './answers.ts'
import { Fill, Hit, Pass } from './memo.ts'
import type { CacheOptions } from './schema.ts'

export type Telling = (exchange: Exchange) => void

export function compileTelling({
  age,
  cacheStatus,
  statusHeader,
  keyHeader,
}: Pick<CacheOptions, 'age' | 'cacheStatus' | 'statusHeader' | 'keyHeader'>): Telling {
  return (exchange) => {
    const { cacheMemo: memo, fallback, response } = exchange
    const { headers } = response
    if (memo === null || fallback === 'stale') return
    const isHit = memo instanceof Hit
    if (isHit && !age) headers.delete('Age')
    if (cacheStatus) tellStatus(headers, memo)
    // That of a service is its own.
    else if (isHit || (memo instanceof Fill && memo.isTold)) headers.delete('Cache-Status')
    if (statusHeader !== false) headers.set(statusHeader, wordFor(memo))
    if (keyHeader !== false && !(memo instanceof Pass)) headers.set(keyHeader, digestOf(memo))
  }
}

/** Cache-Status (RFC 9211) of what did not come from the cache; that of a hit is part of the answer. */
function tellStatus(headers: Headers, memo: unknown): void {
  if (memo instanceof Pass) headers.append('Cache-Status', `${CACHE_NAME}; fwd=${memo.forward}`)
  if (!(memo instanceof Fill) || memo.isTold) return
  const { forward, validated, status, isStored } = memo
  const answered = validated !== null && status !== 0 ? `; fwd-status=${status}` : ''
  headers.append('Cache-Status', `${CACHE_NAME}; fwd=${forward}${answered}${isStored ? '; stored' : ''}`)
}

function wordFor(memo: unknown): string {
  if (memo instanceof Hit) return 'Hit'
  if (!(memo instanceof Fill) || !memo.isKeepable) return 'Bypass'
  return memo.forward === 'miss' ? 'Miss' : 'Refresh'
}

function digestOf(memo: unknown): string {
  const key = memo instanceof Hit || memo instanceof Fill ? memo.key : NO_KEY
  const { host, path, query, part } = key
  return createHash('sha256')
    .update(JSON.stringify([host, path, query, part]))
    .digest('hex')
}

const NO_KEY: ResponseKey = { host: '', path: '', query: '', part: '' }
