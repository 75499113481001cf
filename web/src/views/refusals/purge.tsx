import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { ask } from '../../api.ts'
import { caller, mayWrite } from '../../caller.ts'
import { plural } from '../../format.ts'
import { Card } from '../../parts.tsx'
import { list, number, object, text } from '../../shape.ts'

const purged = object({ workers: number, stores: list(text) })

const WHATS = {
  tag: 'what has a tag',
  prefix: 'all below a path',
  key: 'one URL',
  all: 'everything',
} as const
type What = keyof typeof WHATS

function isWhat(value: string): value is What {
  return Object.hasOwn(WHATS, value)
}

interface Wanted {
  readonly body: object
  /** `all below /catalog on shop.example`. */
  readonly words: string
}

/** Has cached responses forgotten, after asking once more. */
export function Purge() {
  const what = useSignal<What>('tag')
  const wanted = useSignal<Wanted | null>(null)
  const outcome = useSignal('')
  const error = useSignal('')
  const dialog = useRef<HTMLDialogElement>(null)
  const purge = async (body: object): Promise<void> => {
    outcome.value = ''
    error.value = ''
    try {
      const { workers, stores } = await ask('/cache/purge', purged, body)
      const where = stores.length === 0 ? 'no policy keeps responses' : stores.join(' and ')
      outcome.value = `Forgotten in ${plural(workers, 'worker')} (${where}).`
    } catch (cause) {
      error.value = cause instanceof Error ? cause.message : String(cause)
    }
  }
  if (!mayWrite.value)
    return (
      <Card title="Forget cached responses">
        <p class="muted">{caller.value === null ? 'Loading…' : 'This token may look only: forgetting needs one with the role write.'}</p>
      </Card>
    )
  return (
    <Card title="Forget cached responses">
      <form
        class="changes"
        aria-label="Purge"
        onSubmit={(event) => {
          event.preventDefault()
          wanted.value = wantedOf(what.value, new FormData(event.currentTarget))
          dialog.current?.showModal()
        }}
      >
        <label>
          Forget
          <select
            name="what"
            value={what.value}
            onChange={({ currentTarget: { value } }) => {
              if (isWhat(value)) what.value = value
            }}
          >
            {Object.entries(WHATS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <Fields what={what.value} />
        <span class="actions">
          <button type="submit">Forget…</button>
        </span>
      </form>
      <dialog
        ref={dialog}
        aria-labelledby="purge-question"
        onClose={({ currentTarget }) => {
          if (currentTarget.returnValue === 'yes' && wanted.value !== null) void purge(wanted.value.body)
          currentTarget.returnValue = ''
        }}
      >
        <form method="dialog">
          <h2 id="purge-question">Forget {wanted.value?.words}?</h2>
          <p>What is forgotten is asked of the services anew, in all workers and in Redis where policies keep responses there.</p>
          <span class="actions">
            <button type="submit" value="yes" class="primary">
              Forget
            </button>
            <button type="submit" value="no">
              Cancel
            </button>
          </span>
        </form>
      </dialog>
      <p role="status">{outcome.value}</p>
      {error.value !== '' && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
    </Card>
  )
}

function Fields({ what }: { readonly what: What }) {
  switch (what) {
    case 'tag':
      return (
        <label>
          Tag
          <input name="tag" required maxLength={1024} placeholder="product-42" spellcheck={false} />
        </label>
      )
    case 'prefix':
    case 'key':
      return (
        <>
          <label>
            Path
            <input name="path" required maxLength={8192} pattern="/.*" placeholder="/catalog" spellcheck={false} />
          </label>
          <label>
            Host{what === 'prefix' && ', empty for all'}
            <input name="host" required={what === 'key'} maxLength={255} placeholder="shop.example" spellcheck={false} />
          </label>
        </>
      )
    case 'all':
      return null
  }
}

function wantedOf(what: What, form: FormData): Wanted {
  const field = (name: string): string => {
    const value = form.get(name)
    return typeof value === 'string' ? value.trim() : ''
  }
  const [host, given] = [field('host'), field('path')]
  switch (what) {
    case 'tag':
      return { body: { tag: field('tag') }, words: `what has the tag ${field('tag')}` }
    case 'prefix':
      return {
        body: { prefix: { path: given, ...(host !== '' && { host }) } },
        words: `all below ${given} on ${host === '' ? 'all hosts' : host}`,
      }
    case 'key': {
      const [path = '', query] = given.split('?', 2)
      return { body: { key: { host, path, ...(query !== undefined && { query }) } }, words: host + given }
    }
    case 'all':
      return { body: { all: true }, words: 'all cached responses' }
  }
}
