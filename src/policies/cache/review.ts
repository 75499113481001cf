import type { PolicySurroundings, Remark } from '../../core/policy.ts'
import type { CacheOptions } from './schema.ts'

/** What only the surroundings show, and options that do nothing. */
export function review(options: CacheOptions, { stores, authenticates }: PolicySurroundings): readonly Remark[] {
  const remarks: Remark[] = []
  if (options.store === 'redis' && !stores.has('redis'))
    remarks.push({ severity: 'error', path: ['store'], message: 'no store `redis` is configured: add `stores.redis`' })
  if (options.ttl !== undefined && options.ttl < 1_000)
    remarks.push({ severity: 'warning', path: ['ttl'], message: 'less than a second: a number without a unit counts milliseconds' })
  if (options.defaultTtl > 0 && options.ttl !== undefined)
    remarks.push({ severity: 'warning', path: ['defaultTtl'], message: 'with `ttl` every response has its lifetime: this does nothing' })
  if (options.shareAuthenticated === true && authenticates)
    remarks.push({
      severity: 'warning',
      path: ['shareAuthenticated'],
      message: 'callers are authenticated here, and each would be given what was made for another',
    })
  return remarks
}
