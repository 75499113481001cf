import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { ApiError, type ConfigProblem, reasonOf, send } from '../../api.ts'
import { mayWrite } from '../../caller.ts'
import { Badge, Card } from '../../parts.tsx'
import { Problems } from '../../problems.tsx'
import { DiffTable } from './diff-table.tsx'
import { type Diff, diffShape, validationShape } from './shapes.ts'

interface Outcome {
  readonly error: string
  readonly revision: string | null
  readonly problems: readonly ConfigProblem[]
  /** What it would change; null where it is not valid. */
  readonly diff: Diff | null
}

/** Checks a document that somebody pastes, and says what it would change. Changes nothing. */
export function Check() {
  const field = useRef<HTMLTextAreaElement>(null)
  const outcome = useSignal<Outcome | null>(null)
  const isAsking = useSignal(false)
  if (!mayWrite.value)
    return (
      <Card title="Check a document">
        <p class="empty">This needs a token with the role write: what a document names is read on the gateway's machine.</p>
      </Card>
    )
  const check = async (): Promise<void> => {
    isAsking.value = true
    outcome.value = await outcomeOf(field.current?.value ?? '')
    isAsking.value = false
  }
  return (
    <Card title="Check a document" note="changes nothing">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void check()
        }}
      >
        <label>
          A whole configuration, in YAML or JSON
          <textarea ref={field} class="mono" rows={10} required spellcheck={false} autocomplete="off" />
        </label>
        <div class="actions">
          <button type="submit" class="primary" disabled={isAsking.value}>
            {isAsking.value ? 'Checking…' : 'Check'}
          </button>
        </div>
      </form>
      <div aria-live="polite" class={outcome.value === null ? '' : 'outcome'}>
        {outcome.value !== null && <Told outcome={outcome.value} onGo={(problem) => goTo(field.current, problem)} />}
      </div>
    </Card>
  )
}

function Told({ outcome, onGo }: { readonly outcome: Outcome; readonly onGo: (problem: ConfigProblem) => void }) {
  const { error, revision, problems, diff } = outcome
  if (error !== '') return <p class="error">{error}</p>
  return (
    <div class="stack">
      <p class="facts">
        {revision === null ? (
          <Badge kind="bad">not valid</Badge>
        ) : (
          <>
            <Badge kind="good">valid</Badge> It would be revision <code>{revision}</code>.
          </>
        )}
      </p>
      <Problems problems={problems} onGo={onGo} />
      {diff !== null && (
        <section aria-label="What it would change">
          <h3>What it would change</h3>
          <DiffTable diff={diff} />
        </section>
      )}
    </div>
  )
}

async function outcomeOf(body: string): Promise<Outcome> {
  const sent = { body, type: 'application/yaml' } as const
  try {
    const { revision, problems } = await send('/config/validate', validationShape, sent)
    const diff = revision === null ? null : await send('/config/diff', diffShape, sent)
    return { error: '', revision, problems, diff }
  } catch (error) {
    return { error: reasonOf(error), revision: null, problems: error instanceof ApiError ? error.problems : [], diff: null }
  }
}

/** Puts the caret where a problem is. */
function goTo(field: HTMLTextAreaElement | null, { line, column }: ConfigProblem): void {
  if (field === null) return
  const lines = field.value.split('\n')
  const at = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1
  field.focus()
  field.setSelectionRange(at, at + 1)
  // Browsers do not scroll to a selection by themselves.
  field.scrollTop = (field.scrollHeight / Math.max(1, lines.length)) * Math.max(0, line - 4)
}
