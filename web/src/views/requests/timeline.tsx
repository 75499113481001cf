import type { DecisionRecord } from '../../decision-shapes.ts'
import { Badge, ms, statusKind } from '../../parts.tsx'

interface Bar {
  readonly label: string
  readonly detail: string
  readonly outcome: string
  readonly kind: 'good' | 'bad' | 'warn' | 'plain'
  readonly offsetMs: number
  readonly durationMs: number
}

const TICKS = [0, 0.25, 0.5, 0.75, 1]

/** The exchange and its tries as bars over its time. */
export function Timeline({ record }: { readonly record: DecisionRecord }) {
  const totalMs = Math.max(record.durationMs, 0.001)
  const bars: readonly Bar[] = [exchangeBar(record), ...record.attempts.map((attempt, i) => attemptBar(attempt, i))]
  return (
    <div class="timeline">
      <ol>
        {bars.map((bar, i) => (
          <li key={i}>
            <span class="label">
              {bar.label} <span class="muted">{bar.detail}</span>
            </span>
            <span class="lane" aria-hidden="true">
              <i
                class={bar.kind}
                style={{
                  marginLeft: `${Math.min(99, (100 * bar.offsetMs) / totalMs)}%`,
                  width: `${Math.max(0.4, Math.min(100, (100 * bar.durationMs) / totalMs))}%`,
                }}
              />
            </span>
            <span class="numbers">
              <Badge kind={bar.kind}>{bar.outcome}</Badge>
              {ms(bar.durationMs)}
              {i > 0 && <span class="muted"> from {ms(bar.offsetMs)}</span>}
            </span>
          </li>
        ))}
      </ol>
      <p class="axis" aria-hidden="true">
        {TICKS.map((part) => (
          <span key={part}>{ms(part * totalMs)}</span>
        ))}
      </p>
      {record.attempts.length === 0 && <p class="muted">No service was asked.</p>}
    </div>
  )
}

function exchangeBar({ answer, durationMs }: DecisionRecord): Bar {
  const { status } = answer
  return {
    label: 'Exchange',
    detail: '',
    outcome: status === 0 ? 'gone' : String(status),
    kind: statusKind(status),
    offsetMs: 0,
    durationMs,
  }
}

function attemptBar({ target, status, error, offsetMs, durationMs }: DecisionRecord['attempts'][number], index: number): Bar {
  const outcome = error ?? (status === 0 ? 'given up' : String(status))
  return { label: `Try ${index + 1}`, detail: target, outcome, kind: error === null ? statusKind(status) : 'bad', offsetMs, durationMs }
}
