import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from '../api.ts'
import { Badge, Card, State, Table } from '../parts.tsx'
import { dictionary, flag, list, nullable, number, object, type Shaped, text } from '../shape.ts'
import { type Loaded, useAsk } from '../use-ask.ts'
import { VirtualList } from '../virtual-list.tsx'

const routeShape = object({
  name: text,
  at: object({ file: text, line: number, column: number }),
  hosts: list(text),
  paths: list(text),
  methods: list(text),
  headers: list(text),
  query: list(text),
  services: list(text),
  policies: list(object({ kind: text, mode: text })),
})
type Route = Shaped<typeof routeShape>
const routesShape = object({ total: number, routes: list(routeShape) })
const serviceShape = object({
  name: text,
  breaker: nullable(dictionary(number)),
  inFlight: number,
  queued: number,
  panic: flag,
  targets: list(
    object({
      address: text,
      health: dictionary(number),
      drained: flag,
      inFlight: number,
      connections: number,
      reasons: list(text),
    }),
  ),
})
type Service = Shaped<typeof serviceShape>
const servicesShape = object({ services: list(serviceShape) })

const PAGE = 1_000
const ROUTES_MAX = 20_000

/** All routes that fit a text, by pages; what has come is shown at once. */
function useRoutes(wanted: string) {
  const state = useSignal<Loaded<Shaped<typeof routesShape>>>({ value: null, error: '' })
  useEffect(() => {
    let isOver = false
    const load = async (): Promise<void> => {
      const routes: Route[] = []
      try {
        for (;;) {
          const page = await ask(`/routes?limit=${PAGE}&offset=${routes.length}&text=${encodeURIComponent(wanted)}`, routesShape)
          if (isOver) return
          routes.push(...page.routes)
          state.value = { value: { total: page.total, routes: [...routes] }, error: '' }
          if (page.routes.length === 0 || routes.length >= Math.min(page.total, ROUTES_MAX)) return
        }
      } catch (error) {
        if (!isOver) state.value = { ...state.value, error: error instanceof Error ? error.message : String(error) }
      }
    }
    // Not for each letter.
    const timer = setTimeout(() => void load(), 150)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [wanted])
  return state.value
}

const counted = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([name, count]) => (
    <Badge
      key={name}
      kind={name === 'healthy' || name === 'closed' ? 'good' : name === 'unknown' ? 'plain' : name === 'half-open' ? 'warn' : 'bad'}
    >
      {name} {count}
    </Badge>
  ))

function ServiceCard({ service }: { readonly service: Service }) {
  return (
    <Card title={service.name}>
      <p class="facts">
        {service.breaker === null ? <Badge kind="plain">no breaker</Badge> : <>Breaker {counted(service.breaker)}</>}
        {service.panic && <Badge kind="bad">panic: all targets used</Badge>}
        <span>
          {service.inFlight} in flight, {service.queued} queued
        </span>
      </p>
      <Table
        label={`Targets of ${service.name}`}
        empty="No targets."
        columns={[
          { title: 'Target' },
          { title: 'Health, by workers' },
          { title: 'In flight', isNumber: true },
          { title: 'Connections', isNumber: true },
        ]}
        rows={service.targets.map((target) => [
          <>
            {target.address}
            {target.reasons.map((reason) => (
              <small key={reason}>{reason}</small>
            ))}
          </>,
          <>
            {counted(target.health)}
            {target.drained && <Badge kind="warn">drained</Badge>}
          </>,
          target.inFlight,
          target.connections,
        ])}
      />
    </Card>
  )
}

function RouteCard({ route }: { readonly route: Route }) {
  return (
    <Card title={`Route ${route.name}`} wide>
      <dl class="pairs">
        <dt>Written at</dt>
        <dd>
          <code>
            {route.at.file}:{route.at.line}
          </code>
        </dd>
        <dt>Hosts</dt>
        <dd>{route.hosts.join(', ') || 'any'}</dd>
        <dt>Paths</dt>
        <dd>{route.paths.join(', ') || 'any'}</dd>
        <dt>Methods</dt>
        <dd>{route.methods.join(', ') || 'any'}</dd>
        <dt>Headers</dt>
        <dd>{route.headers.join(', ') || 'none asked for'}</dd>
        <dt>Policies</dt>
        <dd>
          {route.policies.length === 0
            ? 'none of its own'
            : route.policies.map(({ kind, mode }) => (
                <Badge key={kind} kind="plain">
                  {mode === 'shadow' ? `${kind} (shadow)` : kind}
                </Badge>
              ))}
        </dd>
      </dl>
      <p>
        <a href={`#/requests/route=${encodeURIComponent(route.name)}`}>Its newest requests</a>
      </p>
    </Card>
  )
}

export function MapView({ rest }: { readonly rest: string }) {
  const wanted = useSignal('')
  const routes = useRoutes(wanted.value)
  const services = useAsk('/services', servicesShape, 4_000)
  const found = routes.value?.routes ?? []
  const selected = found.find(({ name }) => name === rest)
  const needle = wanted.value.toLowerCase()
  const shown = services.value?.services.filter(({ name, targets }) =>
    selected !== undefined
      ? selected.services.includes(name)
      : needle === '' ||
        found.some((route) => route.services.includes(name)) ||
        [name, ...targets.map(({ address }) => address)].some((one) => one.toLowerCase().includes(needle)),
  )
  return (
    <>
      <label class="search">
        Search routes, hosts, paths and services
        <input
          type="search"
          value={wanted.value}
          onInput={(event) => {
            wanted.value = event.currentTarget.value
          }}
        />
      </label>
      <div class="split">
        <Card title={`Routes${routes.value === null ? '' : ` (${routes.value.total})`}`}>
          <State of={routes} empty={found.length === 0 && 'No route fits.'} />
          {found.length > 0 && (
            <VirtualList
              label="Routes"
              items={found}
              height={560}
              render={(route) => (
                <a class="row" href={`#/map/${encodeURIComponent(route.name)}`} aria-current={route === selected ? 'true' : undefined}>
                  <b>{route.name}</b>
                  <span class="muted">{route.paths[0] ?? 'any path'}</span>
                  <span class="end">→ {route.services.join(', ') || 'no service'}</span>
                </a>
              )}
            />
          )}
        </Card>
        <div class="stack">
          {selected !== undefined && <RouteCard route={selected} />}
          <State of={services} empty={shown?.length === 0 && 'No service fits.'} />
          {shown?.slice(0, 50).map((service) => (
            <ServiceCard key={service.name} service={service} />
          ))}
        </div>
      </div>
    </>
  )
}
