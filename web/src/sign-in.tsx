import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { reasonOf, signedOutReason, signIn } from './api.ts'
import { Mark } from './mark.tsx'
import { ThemeSwitch } from './theme.tsx'

/** Asks for a token, and keeps it only when the gateway knows it. */
export function SignIn() {
  const field = useRef<HTMLInputElement>(null)
  const reason = useSignal(signedOutReason.value)
  const isAsking = useSignal(false)
  useEffect(() => field.current?.focus(), [])
  const submit = async (): Promise<void> => {
    isAsking.value = true
    try {
      await signIn(field.current?.value.trim() ?? '')
    } catch (error) {
      reason.value = reasonOf(error) === UNKNOWN ? 'The gateway does not know this token.' : reasonOf(error)
      field.current?.select()
    } finally {
      isAsking.value = false
    }
  }
  return (
    <div class="signin">
      <div class="corner">
        <ThemeSwitch />
      </div>
      <main>
        <form
          class="card"
          onSubmit={(event) => {
            event.preventDefault()
            void submit()
          }}
        >
          <h1>
            <Mark /> Turnpike
          </h1>
          <label>
            Admin token
            <input
              ref={field}
              type="password"
              autocomplete="off"
              spellcheck={false}
              required
              aria-describedby="signin-help signin-problem"
              aria-invalid={reason.value !== '' ? 'true' : undefined}
            />
          </label>
          <p id="signin-problem" class={reason.value === '' ? '' : 'error'} role="alert">
            {reason.value}
          </p>
          <button type="submit" class="primary" disabled={isAsking.value}>
            {isAsking.value ? 'Asking…' : 'Sign in'}
          </button>
          <div id="signin-help" class="muted help">
            <p>
              A token of <code>admin.tokens</code> or <code>admin.token</code>; the role <code>read</code> is enough to look. Without any in
              the configuration, the gateway made one at start: its event log names the file.
            </p>
            <p>It stays in this tab, until the tab is closed or you sign out.</p>
          </div>
        </form>
      </main>
    </div>
  )
}

/** What the listener says to any request without a token that it knows. */
const UNKNOWN = 'An admin token is needed: Authorization: Bearer <token>.'
