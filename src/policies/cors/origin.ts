import { compileRegex, type Regex } from '../../core/regex.ts'

/** Which origins a rule takes. Used by the schema (to refuse), by the policy and by its review. */
export type OriginRule =
  | { readonly kind: 'any' }
  /** In the form in which browsers write it. */
  | { readonly kind: 'exact'; readonly origin: string }
  /** One label between the two. */
  | { readonly kind: 'wildcard'; readonly prefix: string; readonly suffix: string }
  /** The whole origin must match. */
  | { readonly kind: 'regex'; readonly regex: Regex }

const SHAPE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#@\\\s]+)$/
const LABEL = /^[a-z0-9_-]{1,63}$/
/** Longest origin that is looked at: a name has at most 253 characters. */
const ORIGIN_CHARS_MAX = 512

/**
 * Parses `*`, `null`, `https://app.example.com`, `https://*.example.com` (one label) or `~regex` (the whole origin).
 * @returns the rule, or what is wrong with the text in one sentence.
 */
export function parseOriginRule(text: string): OriginRule | { readonly problem: string } {
  if (text === '*') return { kind: 'any' }
  if (text === 'null') return { kind: 'exact', origin: 'null' }
  if (text.startsWith('~')) {
    const regex = compileRegex(text.slice(1), 'both')
    return 'problem' in regex ? regex : { kind: 'regex', regex }
  }
  const [, scheme = '', host = ''] = SHAPE.exec(text) ?? []
  if (scheme === '') {
    return {
      problem: `expected an origin such as \`https://app.example.com\` (scheme, host and port, no path), \`*\`, \`null\` or \`~regex\`, found \`${text}\``,
    }
  }
  if (!host.includes('*')) return exact(scheme.toLowerCase(), host, text)
  // With a label in place of the star it must be an origin like any other.
  const sample = host.startsWith('*.') ? exact(scheme.toLowerCase(), `x${host.slice(1)}`, text) : null
  if (sample === null || 'problem' in sample || host.includes('*', 1)) {
    return { problem: `\`*\` stands for one label and only at the start of the host, as in \`https://*.example.com\`, found \`${text}\`` }
  }
  const dot = sample.origin.indexOf('.')
  return { kind: 'wildcard', prefix: sample.origin.slice(0, dot - 1), suffix: sample.origin.slice(dot) }
}

/** In the form in which browsers write it (HTML, 7.1.1): lower case, names in their ASCII form, without the scheme's own port. */
function exact(scheme: string, host: string, text: string): { kind: 'exact'; origin: string } | { problem: string } {
  if (scheme !== 'http' && scheme !== 'https') {
    // Schemes of apps and extensions, which `URL` gives no origin for.
    return { kind: 'exact', origin: `${scheme}://${host.toLowerCase()}` }
  }
  const url = URL.parse(`${scheme}://${host}`)
  return url === null ? { problem: `\`${text}\` has no host that a URL can have` } : { kind: 'exact', origin: url.origin }
}

/** Whether an origin, as a browser wrote it, is one of those that rules take. Origins are compared as they stand: browsers write lower case. */
export function compileOrigins(rules: readonly OriginRule[]): (origin: string) => boolean {
  const exacts = new Set<string>()
  const wildcards: (OriginRule & { kind: 'wildcard' })[] = []
  const regexes: Regex[] = []
  for (const rule of rules) {
    if (rule.kind === 'any') return () => true
    if (rule.kind === 'exact') exacts.add(rule.origin)
    else if (rule.kind === 'wildcard') wildcards.push(rule)
    else regexes.push(rule.regex)
  }
  const search = (origin: string): boolean =>
    wildcards.some((rule) => takesLabel(rule, origin)) || regexes.some((regex) => regex.test(origin))
  // Of many requests one after the other most come from one site.
  let last = ''
  let lastTaken = false
  return (origin) => {
    if (exacts.has(origin)) return true
    if (wildcards.length + regexes.length === 0 || origin === '' || origin.length > ORIGIN_CHARS_MAX) return false
    if (origin !== last) {
      lastTaken = search(origin)
      last = origin
    }
    return lastTaken
  }
}

function takesLabel({ prefix, suffix }: OriginRule & { kind: 'wildcard' }, origin: string): boolean {
  return origin.startsWith(prefix) && origin.endsWith(suffix) && LABEL.test(origin.slice(prefix.length, -suffix.length))
}
