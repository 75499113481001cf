import 'uplot/dist/uPlot.min.css'
import './style.css'
import { signal } from '@preact/signals'
import { type ComponentType, render } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { setToken, token } from './api.ts'
import { live, liveError } from './live.ts'
import { switchTheme, theme } from './theme.ts'
import { Configuration } from './views/configuration.tsx'
import { MapView } from './views/map.tsx'
import { Overview } from './views/overview.tsx'
import { Refusals } from './views/refusals.tsx'
import { Requests } from './views/requests.tsx'

interface View {
  readonly path: string
  readonly title: string
  /** `rest` is what follows the path in the hash, decoded. */
  readonly View: ComponentType<{ readonly rest: string }>
}

const OVERVIEW: View = { path: 'overview', title: 'Overview', View: Overview }
const VIEWS: readonly View[] = [
  OVERVIEW,
  { path: 'map', title: 'Map', View: MapView },
  { path: 'requests', title: 'Requests', View: Requests },
  { path: 'refusals', title: 'Refusals & cache', View: Refusals },
  { path: 'configuration', title: 'Configuration', View: Configuration },
]

/** `#/requests/<id>` as `['requests', '<id>']`. */
const place = signal(readPlace())
window.addEventListener('hashchange', () => {
  place.value = readPlace()
})

function readPlace(): readonly [string, string] {
  const [, path = '', rest = ''] = /^#\/([a-z]*)\/?(.*)$/.exec(location.hash) ?? []
  try {
    return [path, decodeURIComponent(rest)]
  } catch {
    return [path, '']
  }
}

function SignIn() {
  const field = useRef<HTMLInputElement>(null)
  return (
    <main class="signin">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          setToken(field.current?.value.trim() ?? '')
        }}
      >
        <h1>Turnpike</h1>
        <label>
          Admin token
          <input ref={field} type="password" autocomplete="off" required autofocus />
        </label>
        <p class="muted">
          A token with the role read is enough. It stays in this tab only. The event log names the file of one that was made at start.
        </p>
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </main>
  )
}

function App() {
  const [path, rest] = place.value
  const view = VIEWS.find((one) => one.path === path) ?? OVERVIEW
  useEffect(() => {
    document.title = `${view.title} · Turnpike`
  }, [view])
  if (token.value === '') return <SignIn />
  return (
    <>
      {/* No link: `#main` would be taken for a view. */}
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <header>
        <strong>Turnpike</strong>
        <nav aria-label="Views">
          {VIEWS.map((one) => (
            <a key={one.path} href={`#/${one.path}`} aria-current={one === view ? 'page' : undefined}>
              {one.title}
            </a>
          ))}
        </nav>
        <span class="tools">
          <button type="button" onClick={switchTheme}>
            {theme.value === 'dark' ? 'Light' : 'Dark'}
          </button>
          <button type="button" onClick={() => setToken('')}>
            Sign out
          </button>
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        <h1>{view.title}</h1>
        {liveError.value !== '' && (
          <p class="error" role="alert">
            {liveError.value} What is shown may be old.
          </p>
        )}
        <view.View rest={rest} />
      </main>
    </>
  )
}

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
void live()
