import type { PolicySurroundings, Remark } from '../../core/policy.ts'
import type { TransformOptions } from './schema.ts'

/** What differs from request to request although a cache answers them alike. */
const OF_ONE_REQUEST = /\{(request\.id|client\.ip|header\.[^{}"]*)\}/
/** What a service may answer by. */
const ASKED_BY = /\{(client\.ip|header\.([^{}"]+)|claim\.[^{}"]*|user|consumer)\}/g

/** What a cache would give to others than those it was made for. */
export function review({ request, response }: TransformOptions, around: PolicySurroundings): readonly Remark[] {
  const looksPast = cacheBeside(around)
  if (looksPast === null) return []
  const remarks: Remark[] = []
  const asked = JSON.stringify([request.path, request.query, request.headers])
  for (const written of new Set([...asked.matchAll(ASKED_BY)].filter((found) => looksPast(found)).map(([placeholder]) => placeholder))) {
    const message = `\`cache\` does not look at \`${written}\`: requests that differ in it alone may get each other's answers${written.startsWith('{header.') ? ' (put it into its `keyHeaders`)' : ''}`
    remarks.push({ severity: 'warning', path: ['request'], message })
  }
  const [own] = OF_ONE_REQUEST.exec(JSON.stringify(response)) ?? []
  if (own !== undefined) {
    const message = `\`cache\` keeps what \`${own}\` was in the first response, and gives it to whoever gets the cached one`
    remarks.push({ severity: 'warning', path: ['response'], message })
  }
  return remarks
}

/** Whether the cache in force beside it looks past a placeholder; null for no cache. */
function cacheBeside({ optionsOf }: PolicySurroundings): ((found: RegExpExecArray) => boolean) | null {
  const options = optionsOf('cache')
  if (typeof options !== 'object' || options === null) return null
  const { keyHeaders, ttl, shareAuthenticated }: Partial<Record<'keyHeaders' | 'ttl' | 'shareAuthenticated', unknown>> = options
  const keyed = new Set(Array.isArray(keyHeaders) ? keyHeaders.map((name) => String(name).toLowerCase()) : [])
  const isPerCaller = ttl !== undefined && (shareAuthenticated ?? false) === false
  return ([placeholder, , header]) => {
    if (header !== undefined) return !keyed.has(header.toLowerCase())
    return placeholder === '{client.ip}' || !isPerCaller
  }
}
