import type { Exchange } from '../core/exchange.ts'
import { answer, type Reply, refuse } from '../core/reply.ts'

const ACME_PREFIX = '/.well-known/acme-challenge/'

/** What a listener answers by itself, before any route is looked for; null where it serves. */
export function listenerReply(exchange: Exchange): Reply | null {
  const { redirectPort, requiresCertificate } = exchange.listener
  if (requiresCertificate) {
    const { certificate } = exchange.client
    if (certificate === null) return refuse('client_certificate_missing')
    if (!certificate.isVerified) return refuse('client_certificate_invalid', faultSentence(certificate.fault))
  }
  return redirectPort === null ? null : redirect(exchange, redirectPort)
}

/** To the same URL by https. RFC 9110, 15.4.9: 308 keeps the method and the body. A challenge of ACME has to be answered by HTTP (RFC 8555, 8.3). */
function redirect({ request }: Exchange, port: number): Reply | null {
  const { host, path, query } = request
  if (path.startsWith(ACME_PREFIX)) return null
  if (host === '') return refuse('request_malformed', 'A request without a host cannot be redirected')
  const target = `https://${host}${port === 443 ? '' : `:${port}`}${path === '*' ? '/' : path}${query === '' ? '' : `?${query}`}`
  return answer(308, [['Location', target]])
}

/** What a client may know of what is wrong with its certificate. */
function faultSentence(fault: string): string {
  if (fault === 'CERT_HAS_EXPIRED') return 'The certificate has expired'
  if (fault === 'CERT_NOT_YET_VALID') return 'The certificate is not valid yet'
  return 'The certificate is not from a CA that is trusted here'
}
