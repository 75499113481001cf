import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

const SHOWN_MS = 2_000

/** Puts a text into the clipboard, and says whether that was possible. */
export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const outcome = useSignal('')
  useEffect(() => {
    if (outcome.value === '') return
    const timer = setTimeout(() => {
      outcome.value = ''
    }, SHOWN_MS)
    return () => clearTimeout(timer)
  }, [outcome.value])
  const copy = async (): Promise<void> => {
    try {
      // Absent where the page came neither over TLS nor from this machine.
      await navigator.clipboard.writeText(text)
      outcome.value = 'Copied'
    } catch {
      outcome.value = 'Select it and copy it by hand'
    }
  }
  return (
    <>
      <button type="button" class="small" onClick={() => void copy()}>
        Copy {what}
      </button>{' '}
      <span class="muted" role="status">
        {outcome.value}
      </span>
    </>
  )
}
