import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition, Remark } from '../../core/policy.ts'
import type { SecurityHeadersOptions } from './schema.ts'

type Field = readonly [name: string, value: string]

export const securityHeaders: PolicyDefinition<SecurityHeadersOptions> = {
  kind: 'security-headers',
  summary: 'Adds to every response the headers that have browsers be careful with it, and removes those that tell too much.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review: reviewPolicyTexts,
  compile(options) {
    const { hsts, override, remove } = options
    const fields = fieldsOf(options)
    const transport = hsts.enabled ? hstsValue(hsts) : null
    const put = ({ response: { headers } }: Exchange, name: string, value: string): void => {
      if (override) headers.set(name, value)
      else if (!headers.has(name)) headers.append(name, value)
    }
    return {
      onResponse(exchange) {
        for (const name of remove) exchange.response.headers.delete(name)
        for (const [name, value] of fields) put(exchange, name, value)
        if (transport !== null && (hsts.always || isSecure(exchange))) put(exchange, 'Strict-Transport-Security', transport)
        return undefined
      },
    }
  },
}

/** Whether the client came over TLS, to this gateway or to a proxy in front of it that is believed. */
function isSecure({ request, client }: Exchange): boolean {
  if (request.scheme === 'https') return true
  return client.trusted && request.headers.get('X-Forwarded-Proto')?.toLowerCase() === 'https'
}

function fieldsOf(options: SecurityHeadersOptions): readonly Field[] {
  const values: readonly (readonly [string, string | undefined])[] = [
    ['X-Content-Type-Options', options.contentTypeOptions],
    ['X-Frame-Options', options.frameOptions],
    ['Referrer-Policy', options.referrerPolicy],
    ['Content-Security-Policy', options.contentSecurityPolicy],
    ['Permissions-Policy', options.permissionsPolicy],
    ['Cross-Origin-Opener-Policy', options.crossOriginOpenerPolicy],
    ['Cross-Origin-Embedder-Policy', options.crossOriginEmbedderPolicy],
    ['Cross-Origin-Resource-Policy', options.crossOriginResourcePolicy],
  ]
  return values.filter((field): field is Field => field[1] !== undefined && field[1] !== 'off')
}

/** RFC 6797, 6.1. */
function hstsValue({ maxAge, includeSubDomains, preload }: SecurityHeadersOptions['hsts']): string {
  return `max-age=${Math.floor(maxAge / 1_000)}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`
}

/** Forms that browsers ignore without a word. */
function reviewPolicyTexts({ contentSecurityPolicy, permissionsPolicy }: SecurityHeadersOptions): readonly Remark[] {
  const remarks: Remark[] = []
  if (contentSecurityPolicy !== undefined && /(?:^|[\s;])(?:self|none|unsafe-inline|unsafe-eval)(?:[\s;]|$)/.test(contentSecurityPolicy)) {
    const message = "words such as `'self'` and `'none'` stand in single quotes: without them they are names of hosts"
    remarks.push({ severity: 'warning', path: ['contentSecurityPolicy'], message })
  }
  if (permissionsPolicy !== undefined && !permissionsPolicy.includes('=')) {
    const message =
      'expected features with the `=` of a structured field, as in `camera=(), geolocation=(self)`: browsers ignore the older form'
    remarks.push({ severity: 'warning', path: ['permissionsPolicy'], message })
  }
  return remarks
}
