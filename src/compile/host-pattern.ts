/** Names of hosts that routes ask for: in the request (`host`), and in the TLS handshake (`serverName`). */

/** Parsed. Names are in lower case. */
export type HostPattern =
  | { readonly kind: 'exact'; readonly host: string }
  /** `*.example.com`: one label before this suffix, its dot included. */
  | { readonly kind: 'wildcard'; readonly suffix: string }
  /** `**.example.com`: one or more labels before it. */
  | { readonly kind: 'suffix'; readonly suffix: string }
  /** `example.**`: one or more labels behind this prefix, its dot included. */
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'any' }

export const ANY_HOST: HostPattern = { kind: 'any' }

/** @param text in the normal form of `parseHostPattern` (`config/addresses.ts`) */
export function parseHost(text: string): HostPattern {
  if (text.startsWith('**.')) return { kind: 'suffix', suffix: text.slice(2) }
  if (text.startsWith('*.')) return { kind: 'wildcard', suffix: text.slice(1) }
  return text.endsWith('.**') ? { kind: 'prefix', prefix: text.slice(0, -2) } : { kind: 'exact', host: text }
}

/** Whether a host matches. No star takes an empty label. */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'any':
      return true
    case 'exact':
      return pattern.host === host
    case 'wildcard': {
      const dot = host.indexOf('.')
      return dot > 0 && host.length - dot === pattern.suffix.length && host.endsWith(pattern.suffix)
    }
    case 'suffix':
      return host.length > pattern.suffix.length && host.endsWith(pattern.suffix)
    case 'prefix':
      return host.length > pattern.prefix.length && host.startsWith(pattern.prefix)
  }
}

const ORDER = { exact: 0, wildcard: 1, suffix: 2, prefix: 3, any: 4 } as const

/** The more specific first: an exact host, one label, more labels before and behind (of two the longer name), any. */
export function compareHosts(a: HostPattern, b: HostPattern): number {
  return ORDER[a.kind] - ORDER[b.kind] || fixedText(b).length - fixedText(a).length
}

/** Two wildcards of unequal length never match one host: that these are told apart by their lengths too harms nothing. */
function fixedText(pattern: HostPattern): string {
  return pattern.kind === 'suffix' ? pattern.suffix : pattern.kind === 'prefix' ? pattern.prefix : ''
}

/** As it is written; empty for any. The same for the same pattern alone. */
export function hostText(pattern: HostPattern): string {
  switch (pattern.kind) {
    case 'any':
      return ''
    case 'exact':
      return pattern.host
    case 'wildcard':
      return `*${pattern.suffix}`
    case 'suffix':
      return `**${pattern.suffix}`
    case 'prefix':
      return `${pattern.prefix}**`
  }
}

/** What a host must be, to follow "is not". */
export function hostWanted(pattern: HostPattern): string {
  switch (pattern.kind) {
    case 'any':
      return 'any'
    case 'exact':
      return pattern.host
    case 'wildcard':
      return `one label before ${pattern.suffix}`
    case 'suffix':
      return `one or more labels before ${pattern.suffix}`
    case 'prefix':
      return `one or more labels behind ${pattern.prefix}`
  }
}

/** A host that matches; empty for any. */
export function exampleHost(pattern: HostPattern): string {
  switch (pattern.kind) {
    case 'any':
      return ''
    case 'exact':
      return pattern.host
    case 'prefix':
      return `${pattern.prefix}any`
    case 'wildcard':
    case 'suffix':
      return `any${pattern.suffix}`
  }
}

/** Texts of all patterns that take every host which `pattern` takes, itself first. */
export function coveringHosts(pattern: HostPattern): readonly string[] {
  const covering = [hostText(pattern)]
  if (pattern.kind === 'exact') {
    const dot = pattern.host.indexOf('.')
    if (dot > 0) covering.push(`*${pattern.host.slice(dot)}`)
  }
  const name = pattern.kind === 'any' ? '' : pattern.kind === 'prefix' ? pattern.prefix : exampleHost(pattern)
  // Before a suffix anything may stand, behind a prefix too: only what is fixed can be another's suffix or prefix.
  if (pattern.kind !== 'prefix') for (const at of dotsOf(name)) covering.push(`**${name.slice(at)}`)
  if (pattern.kind === 'exact' || pattern.kind === 'prefix')
    for (const at of dotsOf(name.slice(0, -1))) covering.push(`${name.slice(0, at + 1)}**`)
  if (pattern.kind !== 'any') covering.push('')
  return covering
}

/** Places of the dots that have something before them. */
function dotsOf(name: string): number[] {
  const dots: number[] = []
  for (let at = name.indexOf('.', 1); at !== -1; at = name.indexOf('.', at + 1)) dots.push(at)
  return dots
}
