import type { Exchange } from '../../core/exchange.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import type { CorsOptions } from './schema.ts'

/**
 * What an entry of `origins` says where sharing is lenient: every origin, an expression for the whole of one, or a text. One text alone is told to
 * whoever asks.
 */
type LenientRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'regex'; readonly regex: Regex }
  | { readonly kind: 'text'; readonly text: string }

/** @returns the rule, or what is wrong with the text in one sentence */
export function parseLenientRule(text: string): LenientRule | { readonly problem: string } {
  if (text === '*') return { kind: 'any' }
  if (!text.startsWith('~')) return /^[!-~]+$/.test(text) ? { kind: 'text', text } : { problem: 'expected printable ASCII without blanks' }
  const regex = compileRegex(text.slice(1), 'both')
  return 'problem' in regex ? regex : { kind: 'regex', regex }
}

/**
 * Writes what is configured, whatever the origin, and leaves it to browsers to see that it does not fit. What a service says beside it stays.
 * Differs from the strict form in all that Kong's plugin does differently, byte for byte.
 */
export function compileLenient(options: CorsOptions): (exchange: Exchange, preflight: boolean) => void {
  const { credentials, originAbsent, exposedHeaders } = options
  const rules = options.origins.map(checked)
  const [first] = rules
  const isPublic = rules.length === 1 && first?.kind === 'any'
  const only = rules.length === 1 && first?.kind === 'text' ? first.text : null
  const takes = (origin: string): boolean =>
    rules.some((rule) => (rule.kind === 'regex' ? rule.regex.test(origin) : rule.kind === 'text' && withoutPort(rule.text) === origin))
  const isOpen = rules.some(({ kind }) => kind === 'any')

  /** @returns whether every origin may read */
  const allowOrigin = ({ request, response: { headers } }: Exchange): boolean => {
    if (isPublic) {
      headers.set('Access-Control-Allow-Origin', '*')
      return true
    }
    headers.append('Vary', 'Origin')
    const origin = request.headers.get('Origin')
    if (only !== null) headers.set('Access-Control-Allow-Origin', only)
    else if (origin !== undefined && isOpen) {
      headers.set('Access-Control-Allow-Origin', '*')
      return true
    } else if (origin !== undefined && takes(withoutPort(origin))) headers.set('Access-Control-Allow-Origin', withoutPort(origin))
    else headers.delete('Access-Control-Allow-Origin')
    return false
  }

  return (exchange, preflight) => {
    const { request, response } = exchange
    const { headers } = response
    const origin = request.headers.get('Origin')
    if (origin === undefined && !originAbsent) return
    const isForAll = allowOrigin(exchange)
    if (credentials && (!isForAll || origin !== undefined)) {
      if (isForAll && origin !== undefined) {
        // `*` has no meaning beside credentials: the origin itself stands in for it.
        headers.append('Vary', 'Origin')
        headers.set('Access-Control-Allow-Origin', origin)
      }
      headers.set('Access-Control-Allow-Credentials', 'true')
    }
    if (preflight) writePreflight(exchange, options)
    else if (exposedHeaders.length > 0) headers.set('Access-Control-Expose-Headers', exposedHeaders.join(','))
  }
}

function writePreflight({ request, response: { headers } }: Exchange, options: CorsOptions): void {
  const { methods, maxAge, privateNetwork } = options
  const asked = request.headers.get('Access-Control-Request-Headers')
  const allowed = options.headers.includes('*') ? asked : options.headers.join(',')
  if (allowed !== undefined && allowed !== '') headers.set('Access-Control-Allow-Headers', allowed)
  headers.set('Access-Control-Allow-Methods', methods.join(','))
  if (maxAge !== false) headers.set('Access-Control-Max-Age', `${maxAge / 1_000}`)
  if (privateNetwork && request.headers.get('Access-Control-Request-Private-Network') === 'true') {
    headers.set('Access-Control-Allow-Private-Network', 'true')
  }
}

/** Without the port that its scheme has anyway. */
function withoutPort(origin: string): string {
  return origin.replace(/^(http:\/\/[^/]*):80$|^(https:\/\/[^/]*):443$/, '$1$2')
}

function checked(text: string): LenientRule {
  const rule = parseLenientRule(text)
  if ('problem' in rule) throw new Error(`cors: ${rule.problem}`)
  return rule
}
