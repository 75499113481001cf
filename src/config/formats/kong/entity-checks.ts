/** What Kong refuses of an entity as a whole: fields that do not go together. In Kong's words where it has some. */
import type { z } from '../../../core/schema.ts'
import type { Problem } from '../../diagnostics.ts'
import { type ConfigPath, locate, type MapNode } from '../../tree.ts'
import { JWT_SECRET, PROTOCOLS, ROUTE, SERVICE, type UPSTREAM } from './entities.ts'
import { checkFields, type ReadEntity } from './entity-reader.ts'
import type { Notes } from './notes.ts'
import { hostProblem, pathProblem } from './texts.ts'

export type WrittenService = z.output<typeof SERVICE>
export type WrittenRoute = z.output<typeof ROUTE>
export type WrittenUpstream = z.output<typeof UPSTREAM>

type Tell = (path: ConfigPath, message: string) => void

function teller(node: MapNode, problems: Problem[]): Tell {
  return (path, message) => void problems.push({ severity: 'error', location: locate(node, path), message })
}

const STREAM = ['tcp', 'tls', 'udp', 'tls_passthrough']
const WEBSOCKET = ['ws', 'wss']
const STREAM_ADVICE = 'this gateway carries HTTP and gRPC; put streams of TCP, TLS and UDP behind a proxy for them'
const WEBSOCKET_ADVICE = 'of Kong Enterprise; WebSockets pass through `http` and `https`'
const EXPRESSIONS_ADVICE = 'routes of the `expressions` flavour are not read: write the classic fields'

/** What of services and routes is not carried over, and what to do; for docs/kong.md. */
export const UNSUPPORTED_FIELDS: readonly (readonly [what: string, reason: string])[] = [
  [`the protocols ${STREAM.map((protocol) => `\`${protocol}\``).join(', ')}`, STREAM_ADVICE],
  [`the protocols ${WEBSOCKET.map((protocol) => `\`${protocol}\``).join(', ')}`, WEBSOCKET_ADVICE],
  ['`expression` and `priority` of routes', EXPRESSIONS_ADVICE],
]

/** Of protocols that are not carried why not; null where all are. */
function foreignProtocol(protocols: readonly string[]): string | null {
  if (protocols.some((protocol) => STREAM.includes(protocol))) return STREAM_ADVICE
  return protocols.some((protocol) => WEBSOCKET.includes(protocol)) ? WEBSOCKET_ADVICE : null
}

/** The fields of a service, its `url` taken apart; null where something is wrong with them. */
export function checkService(read: ReadEntity, notes: Notes, problems: Problem[]): WrittenService | null {
  const tell = teller(read.node, problems)
  const parts = urlParts(read.plain['url'], tell)
  const fields = checkFields({ ...read, plain: { ...read.plain, ...parts } }, SERVICE, problems)
  if (fields === null) return null
  const { protocol } = fields
  const foreign = foreignProtocol([protocol])
  if (foreign !== null) {
    notes.unsupported(read.label, 'protocol', locate(read.node, ['protocol']), foreign)
    return null
  }
  if (fields.path !== undefined && protocol !== 'http' && protocol !== 'https')
    tell(['path'], `value must be null for the protocol '${protocol}'`)
  if (protocol !== 'https') {
    for (const key of ['client_certificate', 'tls_verify', 'tls_verify_depth', 'ca_certificates'])
      if (read.plain[key] !== undefined) tell([key], `value must be null for the protocol '${protocol}'`)
  }
  return fields
}

const PORT_MAX = 65_535

/** `protocol`, `host`, `port` and `path` of the short form; without those that are wrong. */
function urlParts(url: unknown, tell: Tell): Readonly<Record<string, unknown>> {
  if (typeof url !== 'string') return {}
  const [, scheme, host, digits, path] = /^(?:([a-z_]+):)?\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?([^?#]*)/.exec(url) ?? []
  if (host === undefined || host === '' || hostProblem(host) !== null) {
    tell(['url'], 'missing host in url')
    return { host: 'unknown' }
  }
  const protocol = scheme ?? (digits === '443' ? 'https' : 'http')
  const problem = path === undefined || path === '' ? null : pathProblem(path)
  if (problem !== null) tell(['url'], `path: ${problem}`)
  const isKnown = PROTOCOLS.some((known) => known === protocol)
  if (!isKnown) tell(['url'], `protocol: expected one of ${PROTOCOLS.map((known) => `\`${known}\``).join(', ')}, found \`${protocol}\``)
  const port = digits === undefined ? (protocol === 'https' ? 443 : 80) : Number(digits)
  const isPort = port <= PORT_MAX
  if (!isPort) tell(['url'], `port: expected at most ${PORT_MAX}, found ${port}`)
  return {
    host,
    ...(isKnown && { protocol }),
    ...(isPort && { port }),
    ...(path !== undefined && path !== '' && problem === null && { path }),
  }
}

const HTTPS_LIKE = ['grpcs', 'https']

/** The fields of a route; null where something is wrong with them, or it is left out. */
export function checkRoute(read: ReadEntity, notes: Notes, problems: Problem[]): WrittenRoute | null {
  const fields = checkFields(read, ROUTE, problems)
  if (fields === null) return null
  const tell = teller(read.node, problems)
  const { protocols } = fields
  const isGrpc = protocols.some((protocol) => protocol.startsWith('grpc'))
  if (!areOneFamily(protocols)) {
    tell(
      ['protocols'],
      "these sets are mutually exclusive: ('http', 'https'), ('tcp', 'tls', 'udp'), ('tls_passthrough'), ('grpc', 'grpcs')",
    )
    return null
  }
  for (const key of ['expression', 'priority'] as const) {
    if (fields[key] === undefined) continue
    notes.unsupported(read.label, key, locate(read.node, [key]), EXPRESSIONS_ADVICE)
    return null
  }
  const foreign = foreignProtocol(protocols)
  if (foreign !== null) {
    notes.unsupported(read.label, 'protocols', locate(read.node, ['protocols']), foreign)
    return null
  }
  const family = isGrpc ? "'grpc' or 'grpcs'" : "'http' or 'https'"
  if (fields.snis.length > 0 && !protocols.some((protocol) => HTTPS_LIKE.includes(protocol)))
    tell(['snis'], "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'")
  for (const key of ['sources', 'destinations'] as const)
    if (fields[key] !== undefined) tell([key], `cannot set '${key}' when 'protocols' is ${family}`)
  if (isGrpc && fields.methods.length > 0) tell(['methods'], `cannot set 'methods' when 'protocols' is ${family}`)
  if (isGrpc && fields.strip_path === true) tell(['strip_path'], `cannot set 'strip_path' when 'protocols' is ${family}`)
  checkPredicates(fields, isGrpc, tell)
  return fields
}

function areOneFamily(protocols: readonly string[]): boolean {
  const families = [['http', 'https'], ['tcp', 'tls', 'udp'], ['tls_passthrough'], ['grpc', 'grpcs'], ['ws', 'wss']]
  return families.filter((family) => protocols.some((protocol) => family.includes(protocol))).length <= 1
}

/** A route that takes everything is most likely a mistake. */
function checkPredicates(fields: WrittenRoute, isGrpc: boolean, tell: Tell): void {
  const { protocols, headers } = fields
  const isSecure = protocols.some((protocol) => HTTPS_LIKE.includes(protocol))
  const wanted = [...(isGrpc ? [] : ['methods']), 'hosts', 'headers', 'paths', ...(isSecure ? ['snis'] : [])]
  const given = { methods: fields.methods, hosts: fields.hosts, headers: Object.keys(headers), paths: fields.paths, snis: fields.snis }
  const has = Object.entries(given).some(([key, values]) => wanted.includes(key) && values.length > 0)
  const protocol = isGrpc ? (isSecure ? 'grpcs' : 'grpc') : isSecure ? 'https' : 'http'
  if (!has) tell([], `must set one of ${wanted.map((key) => `'${key}'`).join(', ')} when 'protocols' is '${protocol}'`)
  for (const [name, values] of Object.entries(headers)) {
    if (name.toLowerCase() === 'host')
      tell(['headers', name], "cannot contain 'host' header, which must be specified in the 'hosts' attribute")
    if (values.length === 0) tell(['headers', name], 'expected at least one value')
  }
}

const HASH_FIELDS = ['header', 'query_arg', 'uri_capture'] as const

/** Tells what of an upstream does not go together. */
export function checkUpstream(fields: WrittenUpstream, node: MapNode, problems: Problem[]): void {
  const tell = teller(node, problems)
  const { hash_on: on, hash_fallback: fallback } = fields
  for (const kind of HASH_FIELDS) {
    if (on === kind && fields[`hash_on_${kind}`] === undefined) tell(['hash_on'], `the key \`hash_on_${kind}\` is missing`)
    if (fallback === kind && fields[`hash_fallback_${kind}`] === undefined)
      tell(['hash_fallback'], `the key \`hash_fallback_${kind}\` is missing`)
  }
  if ((on === 'cookie' || fallback === 'cookie') && fields.hash_on_cookie === undefined)
    tell(['hash_on'], 'the key `hash_on_cookie` is missing')
  if ((on === 'none' || on === 'cookie') && fallback !== 'none')
    tell(['hash_fallback'], `expected one of: none, since \`hash_on\` is ${on}`)
  if ((on === 'consumer' || on === 'ip' || on === 'path') && on === fallback)
    tell(['hash_fallback'], 'expected something else than `hash_on`')
  for (const kind of HASH_FIELDS) {
    const [first, second] = [fields[`hash_on_${kind}`], fields[`hash_fallback_${kind}`]]
    if (first !== undefined && first === second)
      tell([`hash_fallback_${kind}`], `values of these fields must be distinct: 'hash_on_${kind}', 'hash_fallback_${kind}'`)
  }
}

/** The fields of a key pair for tokens; null where something is wrong with them. */
export function checkJwtSecret(read: ReadEntity, problems: Problem[]): z.output<typeof JWT_SECRET> | null {
  const fields = checkFields(read, JWT_SECRET, problems)
  if (fields === null || !/^(RS|PS|EdDSA)/.test(fields.algorithm)) return fields
  if (fields.rsa_public_key === undefined) {
    teller(read.node, problems)(['rsa_public_key'], `expected a public key in PEM, since \`algorithm\` is ${fields.algorithm}`)
    return null
  }
  return fields
}
