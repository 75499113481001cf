import { Cache } from './refusals/cache.tsx'
import { Refused } from './refusals/refused.tsx'

/** What policies refuse or would, and what caches spare services. */
export function Refusals() {
  return (
    <div class="grid">
      <Refused />
      <Cache />
    </div>
  )
}
