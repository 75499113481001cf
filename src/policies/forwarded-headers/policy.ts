import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { ForwardedHeadersOptions } from './schema.ts'

/** Further fields by which a client could lie about where it comes from or how it came; frameworks read them without being told to. */
const CLAIMS = ['X-Real-IP', 'Forwarded', 'X-Forwarded-Prefix', 'X-Forwarded-Scheme', 'X-Forwarded-Ssl'] as const

type Options = ForwardedHeadersOptions

export const forwardedHeaders: PolicyDefinition<Options> = {
  kind: 'forwarded-headers',
  summary: 'Tells the service who asked, and under which host, scheme and port; what a client claims of that is not believed.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options) {
    const { standard, path, realIp } = options
    return {
      onRequest(exchange) {
        if (exchange.client.trusted) extendChain(exchange, options)
        else replaceChain(exchange, options)
        if (path) tellPath(exchange)
        if (realIp) exchange.request.headers.set('X-Real-IP', exchange.client.address)
        if (standard) addForwarded(exchange)
        return undefined
      },
    }
  },
}

/** The peer is a proxy we believe: it is one more hop, and what it says of the outermost request stays. */
function extendChain({ request, client, listener }: Exchange, { hostPort, completePort }: Options): void {
  const { headers } = request
  appendPeer(headers, client.peerAddress)
  const saysHost = headers.has('X-Forwarded-Host')
  const saysProto = headers.has('X-Forwarded-Proto')
  // Our port beside the proxy's host or scheme would name an address that does not exist.
  if ((completePort || (!saysHost && !saysProto)) && !headers.has('X-Forwarded-Port')) {
    headers.set('X-Forwarded-Port', String(listener.port))
  }
  const host = hostPort ? request.authority : request.host
  if (!saysHost && host !== '') headers.set('X-Forwarded-Host', host)
  if (!saysProto) headers.set('X-Forwarded-Proto', request.scheme)
}

/** The peer is the client itself, whose word on its own origin counts for nothing. */
function replaceChain({ request, client, listener }: Exchange, { appendUntrusted, hostPort }: Options): void {
  const { headers } = request
  for (const name of CLAIMS) headers.delete(name)
  if (appendUntrusted) appendPeer(headers, client.peerAddress)
  else headers.set('X-Forwarded-For', client.peerAddress)
  headers.set('X-Forwarded-Proto', request.scheme)
  headers.set('X-Forwarded-Port', String(listener.port))
  const host = hostPort ? request.authority : request.host
  if (host === '') headers.delete('X-Forwarded-Host')
  else headers.set('X-Forwarded-Host', host)
}

function appendPeer(headers: Headers, peerAddress: string): void {
  const chain = headers.getJoined('X-Forwarded-For')
  headers.set('X-Forwarded-For', chain === undefined || chain === '' ? peerAddress : `${chain}, ${peerAddress}`)
}

function tellPath({ request: { headers, target, path }, client }: Exchange): void {
  if (client.trusted && headers.has('X-Forwarded-Path')) return
  // The absolute form has a host before its path.
  headers.set('X-Forwarded-Path', target.startsWith('/') ? (target.split('?', 1)[0] ?? path) : path)
}

/** RFC 7239, 4. An untrusted peer's own field is gone by now. */
function addForwarded({ request, client }: Exchange): void {
  const { headers } = request
  const host = request.authority === '' ? '' : `;host=${quoted(request.authority)}`
  const element = `for=${node(client.peerAddress)}${host};proto=${request.scheme}`
  const chain = headers.getJoined('Forwarded')
  headers.set('Forwarded', chain === undefined || chain === '' ? element : `${chain}, ${element}`)
}

/** RFC 7239, 6: an IPv6 address stands in brackets and quotes, for its colons are no token characters. */
function node(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

function quoted(text: string): string {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}
