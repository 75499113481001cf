/** Where a redirect leads: a template, parsed. Used by the schema (to refuse) and by the policy (to fill in). */

export type TargetPart =
  | { readonly text: string }
  | { readonly placeholder: 'scheme' | 'host' | 'path' | 'query' }
  | { readonly param: string }

export interface RedirectTarget {
  /** Up to the fragment. */
  readonly base: readonly TargetPart[]
  /** `#` and what follows, or nothing. */
  readonly fragment: readonly TargetPart[]
  /** Whether it stays on the host that was asked: it begins with a slash. */
  readonly isRelative: boolean
  readonly hasQuery: boolean
  readonly usesHost: boolean
}

const PLACEHOLDER = /\{(scheme|host|path|query|param\.([A-Za-z_][A-Za-z0-9_]*))\}/g
/**
 * The forms that fix whom a redirect leads to: a literal authority, or the host that was asked. What follows begins with something that ends the
 * authority, so that no captured text can lengthen `https://example.com` to `https://example.com.evil.net`.
 */
const ABSOLUTE = /^(https?|\{scheme\}):\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\]|\{host\})(:\d{1,5})?(?=$|[/?#]|\{path\})/
const RELATIVE = /^(\/(?![/\\])|\{path\})/

/** @returns the target, or what is wrong with the text in one sentence. */
export function parseTarget(text: string): RedirectTarget | { readonly problem: string } {
  if (!/^[\x21-\x7e]+$/.test(text)) return { problem: 'expected printable ASCII without blanks: percent-encode other characters' }
  if (text.includes('\\')) return { problem: '`\\` is not part of a URL: some clients read it as a slash' }
  const isRelative = RELATIVE.test(text)
  if (!isRelative && !ABSOLUTE.test(text)) {
    return {
      problem:
        'expected `/…`, `{path}`, `https://name…` or `{scheme}://{host}…`: any other form lets a client choose where the redirect leads',
    }
  }
  const rest = text.replaceAll(PLACEHOLDER, '')
  if (/[{}]/.test(rest)) return { problem: 'expected `{scheme}`, `{host}`, `{path}`, `{query}` or `{param.NAME}` in braces' }
  const hash = text.indexOf('#')
  const base = parts(hash === -1 ? text : text.slice(0, hash))
  return {
    base,
    fragment: hash === -1 ? [] : parts(text.slice(hash)),
    isRelative,
    hasQuery: text.includes('{query}'),
    usesHost: text.includes('{host}'),
  }
}

function parts(text: string): TargetPart[] {
  const result: TargetPart[] = []
  let from = 0
  for (const match of text.matchAll(PLACEHOLDER)) {
    if (match.index > from) result.push({ text: text.slice(from, match.index) })
    from = match.index + match[0].length
    const [, name, param] = match
    if (param !== undefined) result.push({ param })
    else if (name === 'scheme' || name === 'host' || name === 'path' || name === 'query') result.push({ placeholder: name })
  }
  if (from < text.length) result.push({ text: text.slice(from) })
  return result
}
