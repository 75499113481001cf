import type { Problem } from '../../diagnostics.ts'
import { listenerCertificate } from './certificates.ts'
import type { Notes } from './notes.ts'
import type { Env, FidelityRules, KongDocument, Written } from './types.ts'

/** A listener as KONG_PROXY_LISTEN has it. */
interface Listen {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly http2: boolean
}

/** `0.0.0.0:8000 reuseport backlog=16384, [::]:8443 ssl http2`; null for what is none. `off` is an empty list. */
export function parseListen(text: string): readonly Listen[] | null {
  if (text.trim() === 'off') return []
  const listeners: Listen[] = []
  for (const part of text.split(',')) {
    const [address = '', ...flags] = part.trim().split(/\s+/)
    const [, host, digits] = /^(\[[0-9A-Fa-f:.]+\]|[^:\s[\]]+):(\d{1,5})$/.exec(address) ?? []
    if (host === undefined || Number(digits) > 65_535 || flags.some((flag) => !FLAG.test(flag))) return null
    listeners.push({
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: Number(digits),
      tls: flags.includes('ssl'),
      http2: flags.includes('http2') || !flags.includes('ssl'),
    })
  }
  return listeners
}

/** What changes nothing here stands for itself; `proxy_protocol` and `udp` are not to be had. */
const FLAG = /^(ssl|http2|reuseport|deferred|bind|(backlog|ipv6only|so_keepalive)=\S+)$/

const LISTEN_DEFAULT = '0.0.0.0:8000, 0.0.0.0:8443 http2 ssl'

export const LISTENER_RULES = {
  'KONG_PROXY_LISTEN#ssl': {
    fidelity: 'approximated',
    reason: 'the file has no certificate, so that nothing listens for TLS; Kong shows one that it makes up',
  },
  'KONG_TRUSTED_IPS#header': {
    fidelity: 'approximated',
    reason:
      'who the client is says `X-Forwarded-For`, read from its end over the proxies that are trusted; Kong takes `KONG_REAL_IP_HEADER`, `X-Real-IP` by default: limits and address lists see other addresses unless the proxy sends both',
  },
  'KONG_#settings': {
    fidelity: 'unsupported',
    reason:
      'of the settings of a node only `KONG_PROXY_LISTEN`, `KONG_TRUSTED_IPS` and `KONG_REAL_IP_HEADER` are read: what others say (`KONG_ADMIN_LISTEN`, `KONG_HEADERS`, `KONG_NGINX_…`) goes into a native file beside this one',
  },
} as const satisfies FidelityRules

/** Settings of a node that change what clients or operators meet. Other variables that begin so may be what a vault reference names. */
const NODE_SETTING =
  /^KONG_(ADMIN_LISTEN|STATUS_LISTEN|STREAM_LISTEN|HEADERS|SSL_(CERT|CERT_KEY|PROTOCOLS|CIPHERS|CIPHER_SUITE)|CLIENT_SSL|ROUTER_FLAVOR|ERROR_(DEFAULT_TYPE|TEMPLATE_[A-Z]+)|NGINX_[A-Z0-9_]+|UPSTREAM_KEEPALIVE_[A-Z_]+|REAL_IP_RECURSIVE|ALLOW_DEBUG_HEADER|TRACING_[A-Z_]+|PLUGINS)$/

/** The listeners that KONG_PROXY_LISTEN and KONG_TRUSTED_IPS ask for, or Kong's own; null where it has been said why there are none. */
export function listenersOf(env: Env, { certificates, at }: KongDocument, notes: Notes, problems: Problem[]): Written | null {
  const written = env['KONG_PROXY_LISTEN']
  const listens = parseListen(written ?? LISTEN_DEFAULT)
  const fail = (message: string): null => {
    problems.push({ severity: 'error', location: at, message: `\`KONG_PROXY_LISTEN\`: ${message}` })
    return null
  }
  if (listens === null) return fail('expected `address:port` with `ssl` and `http2` where they are wanted, and commas between')
  const open = listens.filter(({ tls }) => !tls || certificates.length > 0)
  if (open.length === 0) return fail('nothing is listened on: `off`, or `ssl` alone while the file has no certificate')
  if (written !== undefined && open.length < listens.length) notes.note('listeners', LISTENER_RULES, 'KONG_PROXY_LISTEN#ssl', at)
  const trustedProxies = (env['KONG_TRUSTED_IPS'] ?? '').split(',').flatMap((item) => item.trim() || [])
  if (trustedProxies.length > 0 && env['KONG_REAL_IP_HEADER']?.toLowerCase() !== 'x-forwarded-for')
    notes.note('listeners', LISTENER_RULES, 'KONG_TRUSTED_IPS#header', at)
  if (Object.entries(env).some(([name, value]) => value !== undefined && NODE_SETTING.test(name)))
    notes.note('listeners', LISTENER_RULES, 'KONG_#settings', at)
  return open.map(({ host, port, tls, http2 }) => ({
    host,
    port,
    http2,
    ...(trustedProxies.length > 0 && { trustedProxies }),
    ...(tls && { tls: { certificates: certificates.map(listenerCertificate) } }),
  }))
}
