/** What `GET /routes` and `GET /services` tell. */
import { dictionary, flag, list, nullable, number, object, type Shaped, text } from '../../shape.ts'

const route = object({
  name: text,
  at: object({ file: text, line: number, column: number }),
  hosts: list(text),
  paths: list(text),
  methods: list(text),
  headers: list(text),
  query: list(text),
  priority: number,
  services: list(text),
  policies: list(object({ kind: text, mode: text })),
})
export type Route = Shaped<typeof route>
export const routesShape = object({ total: number, routes: list(route) })

const target = object({
  address: text,
  weight: number,
  health: dictionary(number),
  drained: flag,
  inFlight: number,
  connections: number,
  reasons: list(text),
})
export type Target = Shaped<typeof target>

const service = object({
  name: text,
  discovery: nullable(object({ kind: text, targets: nullable(number), degraded: nullable(text) })),
  breaker: nullable(dictionary(number)),
  inFlight: number,
  queued: number,
  panic: flag,
  targets: list(target),
})
export type Service = Shaped<typeof service>
export const servicesShape = object({ services: list(service) })
