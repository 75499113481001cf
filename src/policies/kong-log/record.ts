import type { Consumer } from '../../core/caller.ts'
import type { Attempt, Exchange } from '../../core/exchange.ts'
import type { Latencies } from '../../core/latencies.ts'
import { isSecretHeader, SECRET_PARAMETERS } from '../../core/log-settings.ts'
import type { Outcome } from '../../core/policy.ts'
import { withoutTokens } from '../../core/token-text.ts'
import type { JsonObject } from './setters.ts'

/** An exchange that has ended. */
export interface Recorded {
  readonly exchange: Exchange
  readonly outcome: Outcome
  readonly latencies: Latencies
  /** Headers of the response. */
  readonly head: readonly (readonly [string, string])[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

const REDACTED = 'REDACTED'
const SECRETS: ReadonlySet<string> = new Set(SECRET_PARAMETERS)
const NO_PLACES: ReadonlySet<string> = new Set()

/** What Kong's log plugins tell of an exchange. Values of headers and parameters that may be secret are not told. */
export function recordOf(recorded: Recorded): JsonObject {
  const { exchange, outcome, latencies, head, nowMs } = recorded
  const { route, caller, forward, attempts, requestBytes } = exchange
  const startedAt = Math.round(nowMs - outcome.durationMs)
  const isAnswered = latencies.service !== -1
  const serviceName = route?.serviceName ?? ''
  const places = route?.credentialPlaces ?? NO_PLACES
  return {
    request: requestOf(exchange, requestBytes, places),
    ...(attempts.length > 0 && {
      upstream_uri: withoutTokens(shownTarget(forward.path, forward.query, places)),
      upstream_status: attempts.map(({ status }) => (status === 0 ? 502 : status)).join(', '),
    }),
    response: { status: outcome.status === 0 ? 499 : outcome.status, headers: grouped(head, places), size: exchange.responseBytes },
    latencies: {
      request: Math.round(latencies.total),
      kong: Math.round(latencies.before),
      proxy: isAnswered ? Math.round(latencies.service) : -1,
      receive: Math.round(latencies.receive),
    },
    tries: attempts.map((attempt) => tryOf(attempt, nowMs - outcome.durationMs - exchange.startedAt)),
    ...(caller.credentialId !== '' && { authenticated_entity: { id: caller.credentialId, ...consumerIdOf(caller.consumer) } }),
    ...(caller.consumer !== null && { consumer: consumerOf(caller.consumer) }),
    ...(route !== null && route.name !== '' && { route: { name: route.name } }),
    ...(serviceName !== '' && { service: { name: serviceName } }),
    client_ip: exchange.client.address,
    started_at: startedAt,
    source: isAnswered ? 'upstream' : 'kong',
    workspace: 'default',
    workspace_name: 'default',
    ...(exchange.correlationId !== '' && { correlation_id: exchange.correlationId }),
    ...(exchange.traceContext !== null && { trace_id: { w3c: exchange.traceContext.traceId } }),
  }
}

/** @param places see `RouteInfo.credentialPlaces` */
function requestOf({ request, requestId, listener, client }: Exchange, bodyBytes: number, places: ReadonlySet<string>): JsonObject {
  const { method, path, query, host, headers } = request
  const uri = withoutTokens(shownTarget(path, query, places))
  return {
    ...(requestId !== '' && { id: requestId }),
    method,
    uri,
    url: `${listener.scheme}://${host}:${listener.port}${uri}`,
    querystring: queryOf(query, places),
    headers: grouped(headers.toPairs(), places),
    ...(client.tls !== null && {
      tls: {
        version: `TLSv${client.tls.version}`,
        cipher: client.tls.cipher,
        client_verify: client.certificate === null ? 'NONE' : 'SUCCESS',
      },
    }),
    size: method.length + uri.length + 14 + headers.end - headers.begin + bodyBytes,
  }
}

/** Its labels as they are; one that has none is told by its name. */
function consumerOf({ name, id, labels }: Consumer): JsonObject {
  const { customId, ...others } = labels ?? { username: name }
  return { ...(id !== undefined && { id }), ...others, ...(customId !== undefined && { custom_id: customId }) }
}

function consumerIdOf(consumer: Consumer | null): JsonObject {
  return consumer?.id === undefined ? {} : { consumer_id: consumer.id }
}

/** @param zeroMs what the clock's zero is in milliseconds since 1970 */
function tryOf({ target, startedAt, status, error }: Attempt, zeroMs: number): JsonObject {
  const colon = target.lastIndexOf(':')
  return {
    ip: target.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(target.slice(colon + 1)),
    balancer_start: Math.round(startedAt + zeroMs),
    balancer_latency: 0,
    ...(error !== null && { state: 'failed', code: status === 0 ? 502 : status }),
  }
}

/** With the values of parameters hidden that may be secret. */
function shownTarget(path: string, query: string, places: ReadonlySet<string>): string {
  if (query === '') return path
  const shown = query.split('&').map((pair) => {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals))
    return equals !== -1 && isSecretParameter(decodedName(name), places) ? `${name}=${REDACTED}` : pair
  })
  return `${path}?${shown.join('&')}`
}

function decodedName(name: string): string {
  return new URLSearchParams(`${name}=`).keys().next().value ?? ''
}

function isSecretParameter(name: string, places: ReadonlySet<string>): boolean {
  return SECRETS.has(name.toLowerCase()) || places.has(`query:${name}`)
}

type Told = string | true

/** A name without a value is `true`. */
function queryOf(query: string, places: ReadonlySet<string>): JsonObject {
  const all = new Map<string, Told | Told[]>()
  for (const pair of query === '' ? [] : query.split('&')) {
    for (const [name, text] of new URLSearchParams(pair)) {
      const value = !pair.includes('=') ? true : isSecretParameter(name, places) ? REDACTED : text
      put(all, name, value)
    }
  }
  return Object.fromEntries(all)
}

/** Names in lower case; what came several times is a list. */
function grouped(pairs: readonly (readonly [string, string])[], places: ReadonlySet<string>): JsonObject {
  const all = new Map<string, string | string[]>()
  for (const [written, value] of pairs) {
    const name = written.toLowerCase()
    // What is said about credentials is none.
    const isSecret = places.has(`header:${name}`) || (isSecretHeader(name) && !name.startsWith('access-control-'))
    const shown = isSecret ? REDACTED : value
    put(all, name, shown)
  }
  return Object.fromEntries(all)
}

/** What comes several times becomes a list; without a copy for each, since one name may come ten thousand times. */
function put<Value>(all: Map<string, Value | Value[]>, name: string, value: Value): void {
  const known = all.get(name)
  if (Array.isArray(known)) known.push(value)
  else all.set(name, known === undefined ? value : [known, value])
}
