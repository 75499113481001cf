import { useSignal } from '@preact/signals'
import { ask } from '../../api.ts'
import { whatIfAnswer } from '../../decision-shapes.ts'
import { Card } from '../../parts.tsx'
import type { Shaped } from '../../shape.ts'

const HEADERS_MAX = 20

interface Changed {
  readonly name: string
  readonly value: string
}

/** Has a recorded request judged once more with other headers. */
export function WhatIf({ id }: { readonly id: string }) {
  const rows = useSignal<readonly Changed[]>([{ name: '', value: '' }])
  const result = useSignal<Shaped<typeof whatIfAnswer> | null>(null)
  const error = useSignal('')
  const change = (index: number, part: Partial<Changed>): void => {
    rows.value = rows.value.map((row, i) => (i === index ? { ...row, ...part } : row))
  }
  const submit = async (): Promise<void> => {
    const given = rows.value.filter(({ name }) => name !== '')
    const headers = Object.fromEntries(given.map(({ name, value }) => [name, value === '' ? null : value]))
    try {
      result.value = await ask(`/decisions/${encodeURIComponent(id)}/if`, whatIfAnswer, { headers })
      error.value = ''
    } catch (cause) {
      result.value = null
      error.value = cause instanceof Error ? cause.message : String(cause)
    }
  }
  return (
    <Card title="What if it had other headers?" wide>
      <form
        class="changes"
        aria-label="What if"
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        {rows.value.map((row, i) => (
          <div key={i} class="pair">
            <label>
              Header
              <input
                value={row.name}
                required={i === 0}
                maxLength={256}
                placeholder="X-Beta"
                spellcheck={false}
                onInput={(event) => change(i, { name: event.currentTarget.value.trim() })}
              />
            </label>
            <label>
              Value, empty for none
              <input
                value={row.value}
                maxLength={8192}
                placeholder="1"
                spellcheck={false}
                onInput={(event) => change(i, { value: event.currentTarget.value })}
              />
            </label>
          </div>
        ))}
        <span class="actions">
          <button type="submit" class="primary">
            Judge again
          </button>
          {rows.value.length < HEADERS_MAX && (
            <button
              type="button"
              onClick={() => {
                rows.value = [...rows.value, { name: '', value: '' }]
              }}
            >
              Another header
            </button>
          )}
        </span>
      </form>
      {error.value !== '' && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      <div aria-live="polite">{result.value !== null && <Differences {...result.value} />}</div>
    </Card>
  )
}

function Differences({ revision, recordedRevision, differences }: Shaped<typeof whatIfAnswer>) {
  return (
    <>
      <p class="muted">
        Judged now, with limits that nobody has used, on revision <code>{revision}</code>
        {revision === recordedRevision ? '.' : ', which is not that of the request.'} No service was asked.
      </p>
      {differences.length === 0 ? (
        <p>Nothing would be different.</p>
      ) : (
        <dl class="differences">
          {differences.map(({ what, before, after }) => (
            <div key={what}>
              <dt>{what}</dt>
              <dd class="before">
                <span class="muted">was</span> {before}
              </dd>
              <dd class="after">
                <span class="muted">would be</span> {after}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  )
}
