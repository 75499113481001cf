import { list, object, text } from '../../shape.ts'
import { useAsk } from '../../use-ask.ts'
import type { Described } from './described.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const running = object({ config: object({ listeners: list(object({ name: text })) }) })

/** Describes a request. @param described what it holds at first */
export function TryForm({ described, onTry }: { readonly described: Described; readonly onTry: (described: Described) => void }) {
  const config = useAsk('/config', running)
  const names = new Set([...(config.value?.config.listeners ?? []).map(({ name }) => name), described.listener])
  const submit = (form: HTMLFormElement): void => {
    const data = new FormData(form)
    const field = (name: keyof Described): string => {
      const value = data.get(name)
      return typeof value === 'string' ? value.replaceAll('\r\n', '\n') : ''
    }
    onTry({ method: field('method'), url: field('url'), headers: field('headers'), listener: field('listener'), client: field('client') })
  }
  return (
    <form
      class="try"
      aria-label="Request"
      onSubmit={(event) => {
        event.preventDefault()
        submit(event.currentTarget)
      }}
    >
      <label class="method">
        Method
        <input name="method" list="methods" defaultValue={described.method} required maxLength={64} spellcheck={false} />
        <datalist id="methods">
          {METHODS.map((method) => (
            <option key={method} value={method} />
          ))}
        </datalist>
      </label>
      <label class="url">
        URL, or a path
        <input
          name="url"
          defaultValue={described.url}
          required
          maxLength={8192}
          placeholder="https://shop.example/orders/7?page=2"
          spellcheck={false}
          autocapitalize="off"
        />
      </label>
      <label class="headers">
        Headers, one a line
        <textarea name="headers" rows={4} defaultValue={described.headers} placeholder="X-Beta: 1" spellcheck={false} />
      </label>
      <label>
        Listener
        <select name="listener" key={names.size} defaultValue={described.listener}>
          <option value="">the first of the scheme</option>
          {[...names]
            .filter((name) => name !== '')
            .map((name) => (
              <option key={name} value={name} selected={name === described.listener}>
                {name}
              </option>
            ))}
        </select>
      </label>
      <label>
        Address of the client
        <input name="client" defaultValue={described.client} maxLength={64} placeholder="192.0.2.1" spellcheck={false} />
      </label>
      <span class="actions">
        <button type="submit" class="primary">
          Explain
        </button>
      </span>
      <p class="muted">
        Nothing is sent to a service, and no limit is taken. The address of this page holds the request, so that it can be shared: but for
        what looks like a credential.
      </p>
    </form>
  )
}
