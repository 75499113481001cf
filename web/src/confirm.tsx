import { signal, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, type ConfigProblem, reasonOf } from './api.ts'
import { Problems } from './problems.tsx'

/** Something that changes the gateway, and what it is before one says yes to it. */
export interface Question {
  readonly title: string
  readonly text: string
  /** On the button: what it does. */
  readonly verb: string
  readonly isDangerous?: boolean
  /** Does it, and says that it is done, in a sentence. */
  readonly act: () => Promise<string>
}

const asked = signal<Question | null>(null)
/** What was done last; said to screen readers, and shown for a while. */
const notice = signal('')
const NOTICE_MS = 6_000

/** Asks before anything is done. */
export function askFirst(question: Question): void {
  asked.value = question
}

/** Shows what is asked; stands in the page once. */
export function ConfirmDialog() {
  const question = asked.value
  const said = notice.value
  useEffect(() => {
    if (said === '') return undefined
    const timer = setTimeout(() => {
      notice.value = ''
    }, NOTICE_MS)
    return () => clearTimeout(timer)
  }, [said])
  return (
    <>
      {question !== null && <Dialog key={question.title} question={question} />}
      <div role="status" class={said === '' ? '' : 'notice'}>
        {said}
      </div>
    </>
  )
}

interface Failure {
  readonly reason: string
  readonly problems: readonly ConfigProblem[]
}

function Dialog({ question }: { readonly question: Question }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const isActing = useSignal(false)
  const failure = useSignal<Failure | null>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const act = async (): Promise<void> => {
    isActing.value = true
    try {
      notice.value = await question.act()
      dialog.current?.close()
    } catch (error) {
      failure.value = { reason: reasonOf(error), problems: error instanceof ApiError ? error.problems : [] }
      isActing.value = false
    }
  }
  return (
    <dialog
      ref={dialog}
      aria-labelledby="question-title"
      aria-describedby="question-text"
      onClose={() => {
        asked.value = null
      }}
      // What has been sent cannot be taken back by a key.
      onCancel={(event) => {
        if (isActing.value) event.preventDefault()
      }}
    >
      <h2 id="question-title">{question.title}</h2>
      <p id="question-text">{question.text}</p>
      {failure.value !== null && (
        <div role="alert">
          <p class="error">{failure.value.reason}</p>
          <Problems problems={failure.value.problems} />
        </div>
      )}
      <div class="actions">
        <button type="button" autofocus disabled={isActing.value} onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" class={question.isDangerous ? 'danger' : 'primary'} disabled={isActing.value} onClick={() => void act()}>
          {isActing.value ? 'Working…' : question.verb}
        </button>
      </div>
    </dialog>
  )
}
