import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { ListBox } from '../list-box.tsx'
import { State } from '../parts.tsx'
import { count } from '../units.ts'
import { useAsk } from '../use-ask.ts'
import { RouteDetails, ServiceDetails } from './map/details.tsx'
import { Dot, serviceKind, targetKind } from './map/health.tsx'
import { Lines } from './map/lines.tsx'
import { type Choice, linkOf, readChoice } from './map/place.ts'
import { type Route, type Service, servicesShape, type Target } from './map/shapes.ts'
import { ROUTES_MAX, useRoutes } from './map/use-routes.ts'

const ROW_PX = 48
const HEIGHT_MAX = 480
/** Where the columns stand one below the other, and details below all of them. */
const NARROW_HEIGHT_MAX = 288
const narrow = matchMedia('(max-width: 800px)')
/** Services whose details are shown at once: a route may lead to many. */
const DETAILS_MAX = 10

interface TargetNode {
  readonly service: string
  readonly target: Target
}

const routeKey = ({ name }: Route): string => `route ${name}`
const serviceKey = ({ name }: Service): string => `service ${name}`
const targetKey = ({ service, target }: TargetNode): string => `target ${service} ${target.address}`

/** No step of the history of its own: arrows would fill it. */
function choose(choice: Choice): void {
  location.replace(linkOf(choice))
}

/** Routes, the services they lead to, and those services' targets, as three columns with lines between them. */
export function MapView({ rest }: { readonly rest: string }) {
  const wanted = useSignal('')
  const routes = useRoutes(wanted.value.trim())
  const services = useAsk('/services', servicesShape, 5_000)
  const choice = readChoice(rest)
  const seen = seenOf(routes.value?.routes ?? [], services.value?.services ?? [], choice, wanted.value.trim().toLowerCase())
  const total = routes.value?.total ?? 0
  return (
    <div class="stack">
      <div class="actions">
        <label class="search">
          <span class="hidden">Search routes, hosts, paths and services</span>
          <input
            type="search"
            placeholder="Search routes, hosts, paths and services   /"
            value={wanted.value}
            onInput={(event) => {
              wanted.value = event.currentTarget.value
            }}
          />
        </label>
        {choice !== null && (
          <button type="button" onClick={() => choose(null)}>
            Show all
          </button>
        )}
      </div>
      <State of={{ ...routes, error: routes.error === services.error ? '' : routes.error }} />
      {services.error !== '' && <State of={services} />}
      {routes.value !== null && services.value !== null && <Columns seen={seen} choice={choice} total={total} />}
      {choice?.kind === 'route' && routes.value !== null && seen.route === null && (
        <p class="empty">There is no route {choice.name} among those that fit.</p>
      )}
      <div class="grid details">
        {seen.route !== null && <RouteDetails route={seen.route} />}
        {choice !== null &&
          seen.services
            .slice(0, DETAILS_MAX)
            .map((service) => <ServiceDetails key={service.name} service={service} onChange={services.reload} />)}
      </div>
      {choice === null && routes.value !== null && (
        <p class="muted">Choose a route or a service to see where it is written, and how it is.</p>
      )}
    </div>
  )
}

interface Seen {
  readonly routes: readonly Route[]
  /** That is chosen. */
  readonly route: Route | null
  readonly services: readonly Service[]
  readonly targets: readonly TargetNode[]
}

/** What the columns show: all that fits, or what hangs together with what is chosen. */
function seenOf(routes: readonly Route[], services: readonly Service[], choice: Choice, needle: string): Seen {
  const route = choice?.kind === 'route' ? (routes.find(({ name }) => name === choice.name) ?? null) : null
  const names = new Set(choice?.kind === 'service' ? [choice.name] : (route?.services ?? routes.flatMap((one) => one.services)))
  const fits = (service: Service): boolean =>
    names.has(service.name) ||
    (choice === null &&
      (needle === '' || [service.name, ...service.targets.map(({ address }) => address)].some((one) => one.toLowerCase().includes(needle))))
  const shown = services.filter(fits)
  return {
    routes: choice?.kind === 'service' ? routes.filter((one) => one.services.includes(choice.name)) : routes,
    route,
    services: shown,
    targets: shown.flatMap(({ name, targets }) => targets.map((target) => ({ service: name, target }))),
  }
}

function Columns({ seen, choice, total }: { readonly seen: Seen; readonly choice: Choice; readonly total: number }) {
  const within = useRef<HTMLDivElement>(null)
  const heightMax = narrow.matches ? NARROW_HEIGHT_MAX : HEIGHT_MAX
  const routesByKey = new Map(seen.routes.map((route) => [routeKey(route), route]))
  const servicesByName = new Map(seen.services.map((service) => [service.name, service]))
  const nextOf = (node: string): readonly string[] => {
    const route = routesByKey.get(node)
    if (route !== undefined) return seen.route === null || seen.route === route ? route.services.map((name) => `service ${name}`) : []
    const service = servicesByName.get(node.replace(/^service /, ''))
    return service === undefined ? [] : service.targets.map((target) => targetKey({ service: service.name, target }))
  }
  return (
    <div class="map card" ref={within}>
      <Lines within={within} nextOf={nextOf} isStrong={choice !== null} />
      <section class="column">
        <Head title="Routes" shown={seen.routes.length} total={total} />
        {seen.routes.length === 0 ? (
          <p class="empty">No route fits.</p>
        ) : (
          <ListBox
            label="Routes"
            items={seen.routes}
            keyOf={routeKey}
            chosen={choice?.kind === 'route' ? `route ${choice.name}` : null}
            onChoose={(route) => choose(route === null ? null : { kind: 'route', name: route.name })}
            rowPx={ROW_PX}
            heightMax={heightMax}
            render={(route) => <RouteRow route={route} />}
          />
        )}
      </section>
      <section class="column">
        <Head title="Services" shown={seen.services.length} total={seen.services.length} />
        {seen.services.length === 0 ? (
          <p class="empty">No service fits.</p>
        ) : (
          <ListBox
            label="Services"
            items={seen.services}
            keyOf={serviceKey}
            chosen={choice?.kind === 'service' ? `service ${choice.name}` : null}
            onChoose={(service) => choose(service === null ? null : { kind: 'service', name: service.name })}
            rowPx={ROW_PX}
            heightMax={heightMax}
            render={(service) => <ServiceRow service={service} />}
          />
        )}
      </section>
      <section class="column">
        <Head title="Targets" shown={seen.targets.length} total={seen.targets.length} />
        {seen.targets.length === 0 ? (
          <p class="empty">No targets.</p>
        ) : (
          <ListBox
            label="Targets"
            items={seen.targets}
            keyOf={targetKey}
            chosen={null}
            onChoose={(node) => choose(node === null ? null : { kind: 'service', name: node.service })}
            rowPx={ROW_PX}
            heightMax={heightMax}
            render={(node) => <TargetRow node={node} />}
          />
        )}
      </section>
    </div>
  )
}

function Head({ title, shown, total }: { readonly title: string; readonly shown: number; readonly total: number }) {
  const isCut = total > ROUTES_MAX && shown === ROUTES_MAX
  return (
    <div class="card-head">
      <h2>{title}</h2>
      <span class="muted">
        {shown === total ? count(total) : `${count(shown)} of ${count(total)}${isCut ? ', search for others' : ''}`}
      </span>
    </div>
  )
}

function RouteRow({ route }: { readonly route: Route }) {
  return (
    <>
      <b>{route.name}</b>
      <small>
        {[route.methods.join(' '), `${route.hosts[0] ?? ''}${route.paths[0] ?? ' any path'}`].join(' ').trim()}
        {route.paths.length > 1 && ` +${route.paths.length - 1}`}
      </small>
    </>
  )
}

function ServiceRow({ service }: { readonly service: Service }) {
  const isOpen = service.breaker?.['open'] !== undefined
  return (
    <>
      <b>
        <Dot kind={serviceKind(service)} /> {service.name}
      </b>
      <small>
        {isOpen ? 'breaker open' : `${service.targets.length} ${service.targets.length === 1 ? 'target' : 'targets'}`},{' '}
        {count(service.inFlight)} in flight{service.queued > 0 && `, ${count(service.queued)} waiting`}
      </small>
    </>
  )
}

function TargetRow({ node: { target } }: { readonly node: TargetNode }) {
  const state = target.drained ? 'drained' : Object.keys(target.health).join(', ').replace('unknown', 'not checked')
  return (
    <>
      <b>
        <Dot kind={targetKind(target)} /> {target.address}
      </b>
      <small>
        {state}, {count(target.inFlight)} in flight
      </small>
    </>
  )
}
