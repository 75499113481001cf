import { listenerCertificate } from './certificates.ts'
import type { Env, KongDocument, Written } from './types.ts'

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
    if (host === undefined || Number(digits) > 65_535) return null
    listeners.push({
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: Number(digits),
      tls: flags.includes('ssl'),
      http2: flags.includes('http2') || !flags.includes('ssl'),
    })
  }
  return listeners
}

const LISTEN_DEFAULT = '0.0.0.0:8000, 0.0.0.0:8443 http2 ssl'

/** The listeners that KONG_PROXY_LISTEN and KONG_TRUSTED_IPS ask for, or Kong's own; null where they cannot be read. */
export function listenersOf(env: Env, { certificates }: KongDocument): Written | null {
  const listens = parseListen(env['KONG_PROXY_LISTEN'] ?? LISTEN_DEFAULT)
  if (listens === null) return null
  const trustedProxies = (env['KONG_TRUSTED_IPS'] ?? '').split(',').flatMap((item) => item.trim() || [])
  return listens
    .filter(({ tls }) => !tls || certificates.length > 0)
    .map(({ host, port, tls, http2 }) => ({
      host,
      port,
      http2,
      ...(trustedProxies.length > 0 && { trustedProxies }),
      ...(tls && { tls: { certificates: certificates.map(listenerCertificate) } }),
    }))
}
