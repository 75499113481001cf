import { GatewayError } from '../core/errors.ts'

/** Why no connection could be made, from what the system says. */
export function connectError(label: string, error: Error | null): GatewayError {
  const detail = `${label}: ${reasonOf(error) ?? 'connection closed'}`
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return new GatewayError('upstream_connect_refused', detail, 'upstream', 'if-unsent', error)
  if (code === 'ETIMEDOUT') return new GatewayError('upstream_connect_timeout', detail, 'upstream', 'if-unsent', error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return new GatewayError('upstream_dns_failed', detail, 'upstream', 'if-unsent', error)
  return new GatewayError('upstream_connect_failed', detail, 'upstream', 'if-unsent', error)
}

/** @param fallback what is said when the system says nothing better */
export function tlsError(label: string, fallback: string, error: Error | null): GatewayError {
  const reason = codeOf(error) === 'ECONNRESET' ? null : reasonOf(error)
  return new GatewayError('upstream_tls_failed', `${label}: ${reason ?? fallback}`, 'upstream', 'if-unsent', error ?? undefined)
}

/** What is wrong, in OpenSSL's and Node's words; null for nothing. Codes of OpenSSL say it all, and its sentences only name lines of its code. */
export function reasonOf(error: Error | null): string | null {
  if (error === null) return null
  const code = codeOf(error)
  if (code.startsWith('ERR_SSL_')) return code
  return code === '' || error.message.includes(code) ? error.message : `${code}: ${error.message}`
}

/** Whether the peer, or our side, broke TLS off. */
export function isTlsFault(error: Error | null): boolean {
  return codeOf(error).startsWith('ERR_SSL_')
}

function codeOf(error: Error | null): string {
  return error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
