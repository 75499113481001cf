import 'uplot/dist/uPlot.min.css'
import './style/base.css'
import './style/frame.css'
import './style/tables.css'
import './style/pieces.css'
import './style/controls.css'
import './style/charts.css'
import './style/lists.css'
import './style/configuration.css'
import './style/map.css'
import './style/requests.css'
import './style/record.css'
import './style/try.css'
import './style/sign-in.css'
import './style/narrow.css'
import { signal } from '@preact/signals'
import { type ComponentType, render } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { signOut, token } from './api.ts'
import { caller } from './caller.ts'
import { ConfirmDialog } from './confirm.tsx'
import { clockTime } from './format.ts'
import { live, outage, recoveries } from './live.ts'
import { Mark } from './mark.tsx'
import { SignIn } from './sign-in.tsx'
import { ThemeSwitch } from './theme.tsx'
import { Configuration } from './views/configuration.tsx'
import { MapView } from './views/map.tsx'
import { Overview } from './views/overview.tsx'
import { Refusals } from './views/refusals.tsx'
import { Requests } from './views/requests.tsx'
import { Try } from './views/try.tsx'

interface View {
  readonly path: string
  readonly title: string
  /** `rest` is what follows the path in the hash: a query with its `?` as it stands there, or anything else decoded. */
  readonly View: ComponentType<{ readonly rest: string }>
}

const OVERVIEW: View = { path: 'overview', title: 'Overview', View: Overview }
const VIEWS: readonly View[] = [
  OVERVIEW,
  { path: 'map', title: 'Map', View: MapView },
  { path: 'requests', title: 'Requests', View: Requests },
  { path: 'try', title: 'Try', View: Try },
  { path: 'refusals', title: 'Refusals & cache', View: Refusals },
  { path: 'configuration', title: 'Configuration', View: Configuration },
]

const place = signal(readPlace())
window.addEventListener('hashchange', () => {
  place.value = readPlace()
})

/** `#/requests/<id>` as `['requests', '<id>']`, and `#/requests?status=5xx` as `['requests', '?status=5xx']`. */
function readPlace(): readonly [string, string] {
  const [, path = '', rest = ''] = /^#\/([a-z]*)\/?(.*)$/.exec(location.hash) ?? []
  // The parameters of a query are decoded one by one, by who reads them.
  if (rest.startsWith('?')) return [path, rest]
  try {
    return [path, decodeURIComponent(rest)]
  } catch {
    return [path, '']
  }
}

/** `/` goes to the search field of a view, as in most tools, unless somebody is typing. */
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target instanceof HTMLElement && event.target.matches('input, textarea, select, [contenteditable]')) return
  const field = document.querySelector('main input[type="search"]')
  if (!(field instanceof HTMLElement)) return
  event.preventDefault()
  field.focus()
})

/** Says that what is shown is old, and, for who cannot see it go, that it is new again. */
function Outage() {
  const now = outage.value
  return (
    <div role="status" class={now === null ? '' : 'outage'}>
      {now !== null && (
        <>
          <strong>{now.reason}</strong> What is shown is from {clockTime(now.since.toISOString())} or before. Asking again every few
          seconds.
        </>
      )}
      {now === null && recoveries.value > 0 && <span class="hidden">The gateway answers again.</span>}
    </div>
  )
}

function Header({ current }: { readonly current: View }) {
  const links = useRef<HTMLElement>(null)
  // Where not all of them fit.
  useEffect(() => links.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [current])
  return (
    <header>
      <a class="brand" href="#/overview">
        <Mark />
        Turnpike
      </a>
      <nav aria-label="Views" ref={links}>
        {VIEWS.map((one) => (
          <a key={one.path} href={`#/${one.path}`} aria-current={one === current ? 'page' : undefined}>
            {one.title}
          </a>
        ))}
      </nav>
      <div class="tools">
        <span class={outage.value === null ? 'pulse' : 'pulse down'}>{outage.value === null ? 'Live' : 'No answer'}</span>
        {caller.value !== null && (
          <span class="who" title={caller.value.role === 'write' ? 'This token may change things.' : 'This token may look only.'}>
            {caller.value.name} <span class="badge plain">{caller.value.role}</span>
          </span>
        )}
        <ThemeSwitch />
        <button type="button" onClick={() => signOut()}>
          Sign out
        </button>
      </div>
    </header>
  )
}

function App() {
  const [path, rest] = place.value
  const view = VIEWS.find((one) => one.path === path) ?? OVERVIEW
  const isSignedIn = token.value !== ''
  useEffect(() => {
    document.title = isSignedIn ? `${view.title} · Turnpike` : 'Sign in · Turnpike'
  }, [view, isSignedIn])
  const wasSignedIn = useRef(isSignedIn)
  useEffect(() => {
    // The button that had the focus is gone.
    if (isSignedIn && !wasSignedIn.current) document.getElementById('main')?.focus()
    wasSignedIn.current = isSignedIn
  }, [isSignedIn])
  if (!isSignedIn) return <SignIn />
  return (
    <>
      {/* No link: `#main` would be taken for a view. */}
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <Header current={view} />
      <Outage />
      <main id="main" tabIndex={-1}>
        <h1>{view.title}</h1>
        <view.View rest={rest} />
      </main>
      <ConfirmDialog />
    </>
  )
}

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
void live()
