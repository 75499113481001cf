import { traffic } from '../live.ts'
import { Skeleton } from '../parts.tsx'
import { Check } from './configuration/check.tsx'
import { Document } from './configuration/document.tsx'
import { History } from './configuration/history.tsx'
import { InForce } from './configuration/in-force.tsx'

/** What is in force, what was, and what could be. */
export function Configuration() {
  const now = traffic.value
  if (now === null) return <Skeleton label="Asking the gateway what is in force" />
  const running = now.config.runningRevision
  return (
    <div class="stack">
      <InForce now={now} />
      <History running={running} />
      <Check />
      <Document running={running} />
    </div>
  )
}
