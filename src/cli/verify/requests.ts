/** Requests that say whether two forms of a configuration do the same: what a Kong file's routes take, and what nearly is that. */
import { isIP } from 'node:net'
import type { KongDocument, RouteEntity } from '../../config/formats/kong/types.ts'
import { joined, type Proof, proofsOf } from './credentials.ts'
import { sampleHost, sampleOf, samplePath } from './sample.ts'

export interface VerifyRequest {
  /** What it is to show, `route orders: path in capitals`. */
  readonly name: string
  readonly method: string
  readonly target: string
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly proof: Proof | null
  /** Whether it comes at the same time as the one before; otherwise a day has gone by, so that no limit stands in the way. */
  readonly isBurst: boolean
}

/** Most requests of one run. */
export const REQUESTS_MAX = 2_000
const ROUTES_MAX = 300
const VALUES_MAX = 4
const CONSUMERS_MAX = 8
const BURST = 4
const SEED = 0x7ea1_05ee

/** The same requests each time: at most {@link REQUESTS_MAX}, spread over all routes. */
export function requestsFor(document: KongDocument): VerifyRequest[] {
  const random = randomOf(SEED)
  const addresses = sampled(
    addressesIn(document).filter((address) => isIP(address) !== 0),
    VALUES_MAX,
    random,
  )
  const proofs = proofsOf(document, sampled(document.consumers, CONSUMERS_MAX, random))
  const all = sampled(document.routes, ROUTES_MAX, random).flatMap((route) => [
    ...requestsOf(route, proofs, wantedBy(route, document, proofs), addresses),
  ])
  const general = { ...BLANK, name: 'no route', target: '/a-path-of-nobody', host: 'nobody.example' }
  return [
    general,
    { ...general, name: 'no route, gRPC', method: 'POST', headers: { 'content-type': 'application/grpc' } },
    ...sampled(all, REQUESTS_MAX - 2, random),
  ]
}

const BLANK: Omit<VerifyRequest, 'name'> = {
  method: 'GET',
  target: '/',
  host: 'any.example',
  headers: {},
  body: null,
  proof: null,
  isBurst: false,
}

/** What all plugins that authenticate on a route ask for, of one consumer where it has all of it. */
function wantedBy(route: RouteEntity, { plugins }: KongDocument, proofs: readonly Proof[]): Proof | null {
  const applies = ({ scope }: KongDocument['plugins'][number]): boolean =>
    (scope.route === null || scope.route === route) && (scope.service === null || scope.service === route.service)
  const names = new Set(plugins.filter(applies).map(({ fields }) => fields.name))
  return joined([...names].flatMap((name) => proofs.find(({ plugin }) => plugin === name) ?? []))
}

/** Addresses that lists of the file begin with. */
function addressesIn({ plugins }: KongDocument): string[] {
  const lists = plugins.filter(({ fields }) => fields.name === 'ip-restriction').map(({ fields }) => JSON.stringify(fields.config))
  return [...new Set(lists.flatMap((list) => [...list.matchAll(/"([0-9a-f.:]+)(?:\/\d+)?"/g)].map(([, address = '']) => address)))]
}

/**
 * @param wanted what opens the route, if anything has to
 * @param addresses of clients that the file tells apart
 */
function* requestsOf(
  route: RouteEntity,
  proofs: readonly Proof[],
  wanted: Proof | null,
  addresses: readonly string[],
): Generator<VerifyRequest> {
  const base = { ...baseOf(route), proof: wanted }
  const of = (name: string, change: Partial<VerifyRequest> = {}): VerifyRequest => ({ ...base, name: `${route.label}: ${name}`, ...change })
  yield of('as it asks')
  yield of('as it asks, by nobody', { proof: null })
  const { 'x-forwarded-proto': scheme = 'http', ...others } = base.headers
  yield of('by the other protocol', { headers: { ...others, 'x-forwarded-proto': scheme === 'http' ? 'https' : 'http' } })
  for (const address of addresses) yield of(`from ${address}`, { headers: { ...base.headers, 'x-forwarded-for': address } })
  yield* pathsOf(route, of)
  yield* predicatesOf(route, base, of)
  const origin = { origin: 'https://app.example' }
  yield of('from another origin', { headers: { ...base.headers, ...origin } })
  const preflight = { 'access-control-request-method': base.method, 'access-control-request-headers': 'x-a' }
  yield of('preflight', { method: 'OPTIONS', headers: { ...base.headers, ...origin, ...preflight } })
  yield of('JSON', {
    method: 'POST',
    headers: { ...base.headers, 'content-type': 'application/json' },
    body: '{"a":1,"b":{"c":[true,null]}}',
  })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  yield of('a form', { method: 'POST', headers: { ...base.headers, ...form }, body: 'a=1&b=two' })
  yield of('a client that is a program', { headers: { ...base.headers, 'user-agent': 'python-requests/2.0' } })
  for (const proof of proofs) yield of(proof.name, { proof })
  for (let index = 0; index < BURST; index++) yield of('again at once', { isBurst: true })
}

type Of = (name: string, change?: Partial<VerifyRequest>) => VerifyRequest

function* pathsOf({ fields }: RouteEntity, of: Of): Generator<VerifyRequest> {
  for (const path of fields.paths.slice(0, VALUES_MAX)) {
    const sample = samplePath(path)
    if (sample === null) continue
    const target = targetOf(sample)
    yield of(`path ${path}`, { target })
    yield of('a slash behind the path', { target: `${target}/` })
    yield of('more behind the path', { target: `${target}/more/1` })
    yield of('text behind the path', { target: `${target}more` })
    yield of('a query', { target: `${target}?a=1&b=%20two&a=` })
    yield of('an empty query', { target: `${target}?` })
    yield of('less than the path', { target: target.length > 1 ? target.slice(0, -1) : target })
    yield of('path in capitals', { target: target.toUpperCase() })
    yield of('path encoded', { target: target.replace(/[A-Za-z]/, (char) => `%${char.charCodeAt(0).toString(16)}`) })
    yield of('slashes twice', { target: target.replaceAll('/', '//') })
    yield of('dots', { target: `/a/..${target}/./x` })
    yield of('a slash encoded', { target: `${target}/a%2Fb` })
  }
}

function* predicatesOf({ fields }: RouteEntity, base: VerifyRequest, of: Of): Generator<VerifyRequest> {
  for (const host of fields.hosts.slice(0, VALUES_MAX)) {
    const sample = sampleHost(host)
    yield of(`host ${host}`, { host: sample })
    yield of('a host that is longer', { host: `x${sample}` })
    yield of('a host below', { host: `x.y.${sample}` })
    yield of('host in capitals', { host: sample.toUpperCase() })
    yield of('host with a port', { host: `${sample.replace(/:\d+$/, '')}:81` })
  }
  if (fields.hosts.length > 0) yield of('another host', { host: 'nobody.example' })
  for (const method of fields.methods.slice(0, VALUES_MAX)) yield of(`method ${method}`, { method })
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PURGE']) yield of(`method ${method}`, { method })
  for (const name of Object.keys(fields.headers)) {
    const { [name]: value = '', ...others } = base.headers
    yield of(`without ${name}`, { headers: others })
    yield of(`${name} with another value`, { headers: { ...others, [name]: 'of-nobody' } })
    yield of(`${name} in capitals`, { headers: { ...others, [name]: value.toUpperCase() } })
  }
}

/** A request that the route takes, as far as can be found out. */
function baseOf({ fields }: RouteEntity): VerifyRequest {
  const [path = '/'] = fields.paths
  const [host = BLANK.host] = fields.hosts
  const isGrpc = fields.protocols.some((protocol) => protocol.startsWith('grpc'))
  const isHttps = !fields.protocols.some((protocol) => protocol === 'http' || protocol === 'grpc')
  const headers = Object.entries(fields.headers).map(([name, [value = '']]) => [name, headerSample(value)] as const)
  return {
    ...BLANK,
    name: '',
    method: fields.methods[0] ?? (isGrpc ? 'POST' : 'GET'),
    target: targetOf(samplePath(path) ?? '/'),
    host: sampleHost(host),
    headers: {
      ...Object.fromEntries(headers),
      ...(isGrpc && { 'content-type': 'application/grpc' }),
      ...(isHttps && { 'x-forwarded-proto': 'https' }),
    },
  }
}

function headerSample(value: string): string {
  return value.startsWith('~*') ? (sampleOf(value.slice(2)) ?? 'x') : value
}

/** What of a path cannot stand in a request is encoded. */
function targetOf(path: string): string {
  return path
    .replaceAll(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()))
    .replaceAll(/[#"<>\\^`{|}]/g, encodeURIComponent)
}

/** At most so many, spread evenly by chance, in their order. */
function sampled<Item>(items: readonly Item[], max: number, random: () => number): readonly Item[] {
  let left = items.length
  let wanted = Math.min(max, left)
  return items.filter(() => {
    const isTaken = random() * left-- < wanted
    if (isTaken) wanted--
    return isTaken
  })
}

/** Numbers in [0, 1), the same for the same seed (Mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
