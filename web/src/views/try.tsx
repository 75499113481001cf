import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ask } from '../api.ts'
import { type Explanation, explanation } from '../explanation-shapes.ts'
import { Copy } from './requests/copy.tsx'
import { bodyOf, type Described, hashOf, readDescribed } from './try/described.ts'
import { Explained } from './try/explained.tsx'
import { TryForm } from './try/form.tsx'

interface Outcome {
  readonly explanation: Explanation | null
  readonly error: string
}

/** A form for a request, and what would happen to it. @param rest a query that holds the request */
export function Try({ rest }: { readonly rest: string }) {
  const outcome = useSignal<Outcome | null>(null)
  /** With its credentials, which the hash does not hold. */
  const written = useRef<Described | null>(null)
  const fromHash = readDescribed(rest.slice(1))
  const described = written.current !== null && hashOf(written.current) === hashOf(fromHash) ? written.current : fromHash
  const explain = async (wanted: Described): Promise<void> => {
    const body = bodyOf(wanted)
    if (typeof body === 'string') {
      outcome.value = { explanation: null, error: body }
      return
    }
    try {
      outcome.value = { explanation: await ask('/explain', explanation, body), error: '' }
    } catch (cause) {
      outcome.value = { explanation: null, error: cause instanceof Error ? cause.message : String(cause) }
    }
  }
  useEffect(() => {
    outcome.value = null
    if (described.url !== '') void explain(described)
  }, [rest])
  return (
    <div class="stack">
      <section class="card">
        <TryForm
          key={rest}
          described={described}
          onTry={(wanted) => {
            written.current = wanted
            const hash = hashOf(wanted)
            // The same request again: no view changes, and the configuration may be another one.
            if (hash === location.hash) void explain(wanted)
            else location.hash = hash
          }}
        />
        {described.url !== '' && <Copy text={location.href} what="link" />}
      </section>
      <div class="stack" aria-live="polite">
        {outcome.value !== null && outcome.value.error !== '' && (
          <p class="error" role="alert">
            {outcome.value.error}
          </p>
        )}
        {outcome.value?.explanation != null && <Explained explanation={outcome.value.explanation} />}
      </div>
    </div>
  )
}
