import { Badge } from '../../parts.tsx'

/** One policy, or one step of one, with what became of it. */
export interface PolicyStep {
  readonly name: string
  readonly isShadow: boolean
  /** `passed`, `answered token_invalid`. */
  readonly verdict: string
  readonly kind: 'good' | 'bad' | 'warn' | 'plain'
  readonly scope: string
  /** The place of a policy that nobody wrote is that of the whole file. */
  readonly at: { readonly file: string; readonly line: number; readonly column: number }
  /** What it looked at, and what it changed. */
  readonly notes: readonly string[]
}

/** Policies in the order in which they act. */
export function PolicySteps({ steps }: { readonly steps: readonly PolicyStep[] }) {
  if (steps.length === 0) return <p class="muted">None was in force.</p>
  return (
    <ol class="steps">
      {steps.map((step, i) => (
        <li key={i} class={step.kind}>
          <p>
            <b>{step.name}</b> {step.isShadow && <Badge kind="plain">shadow</Badge>}
            <Badge kind={step.kind}>{step.verdict}</Badge>
            <span class="place muted">
              <Scope {...step} />
            </span>
          </p>
          {step.notes.length > 0 && (
            <ul>
              {step.notes.map((note, j) => (
                <li key={j}>{note}</li>
              ))}
            </ul>
          )}
        </li>
      ))}
    </ol>
  )
}

function Scope({ scope, at }: PolicyStep) {
  if (scope === 'everywhere' && at.column === 1) return <>by default</>
  return (
    <>
      {scope} · <PlaceOf at={at} />
    </>
  )
}

/** Where something is written: the end of the file's path, and all of it on demand. */
export function PlaceOf({ at }: { readonly at: { readonly file: string; readonly line: number } }) {
  const name = at.file.split('/').at(-1) ?? at.file
  return (
    <code title={at.file}>
      {name}:{at.line}
    </code>
  )
}
