import { normalisePath } from './path.ts'
import { compileRegex, isLiteral, literalPrefix, type Regex } from './regex.ts'

/** A segment of a pattern: the text it must be, in normal form, or the name that captures it. */
export type PatternSegment = { readonly literal: string } | { readonly param: string }

/** A path pattern, parsed. `text` is how it was written. */
export type PathPattern =
  /** One path. */
  | { readonly kind: 'exact'; readonly text: string; readonly path: string }
  /** A fixed number of segments, some of which are captures of one segment that is not empty. */
  | { readonly kind: 'segments'; readonly text: string; readonly segments: readonly PatternSegment[] }
  /** Everything at and below some leading segments. */
  | { readonly kind: 'prefix'; readonly text: string; readonly segments: readonly PatternSegment[] }
  /** Whatever the expression matches from the start of the path on. */
  | {
      readonly kind: 'regex'
      readonly text: string
      readonly regex: Regex
      readonly literalPrefix: string
      /** There is nothing but the literal prefix: whatever begins with it matches. */
      readonly isLiteral: boolean
    }

const PATTERN_CHARS_MAX = 2_048
const PARAM = /^:[A-Za-z_][A-Za-z0-9_]{0,63}$/

/**
 * Parses `/a/b` (exact), `/a/*` (prefix by whole segments), `/a/:id/b` (captures; also before `/*`) or `~regex` (from the start of the
 * path, not necessarily to its end: end it with `$`). Literal text is brought into the normal form of request paths; other characters than
 * those of a URL are percent-encoded as UTF-8.
 *
 * @returns the pattern, or what is wrong with it in one sentence.
 */
export function parsePathPattern(text: string): PathPattern | { readonly problem: string } {
  if (text.length > PATTERN_CHARS_MAX) return { problem: `a path has at most ${PATTERN_CHARS_MAX} characters` }
  if (text.startsWith('~')) return parseRegex(text)
  if (!text.startsWith('/')) return { problem: 'a path begins with `/`, or with `~` for a regular expression' }
  const path = normalisePath(encode(text))
  if (path === null) return { problem: 'not a path that a request can have: see `\\`, `#`, `?`, `..` and percent-encodings' }

  const isPrefix = path.endsWith('/*')
  const parts = (isPrefix ? path.slice(0, -2) : path).split('/').slice(1)
  const segments: PatternSegment[] = []
  const names = new Set<string>()
  for (const part of parts) {
    if (part.includes('*')) return { problem: '`*` stands only at the end, as `/*`; capture a segment in the middle with `/:name`' }
    if (!part.startsWith(':')) {
      segments.push({ literal: part })
      continue
    }
    if (!PARAM.test(part))
      return { problem: `\`${part}\` is no capture: \`:\` and a name of letters, digits and \`_\` take a whole segment` }
    const param = part.slice(1)
    if (names.has(param)) return { problem: `the capture \`:${param}\` stands twice` }
    names.add(param)
    segments.push({ param })
  }
  if (isPrefix) return { kind: 'prefix', text, segments }
  return names.size === 0 ? { kind: 'exact', text, path } : { kind: 'segments', text, segments }
}

function parseRegex(text: string): PathPattern | { readonly problem: string } {
  const source = text.slice(1)
  const regex = compileRegex(source, 'start')
  return 'problem' in regex ? regex : { kind: 'regex', text, regex, literalPrefix: literalPrefix(source), isLiteral: isLiteral(source) }
}

/** Percent-encodes what a URL cannot carry, so that patterns may be written in plain words: `/käse`. */
function encode(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()))
}

/** Names of the captures of a pattern, in order. */
export function captureNames(pattern: PathPattern): readonly string[] {
  if (pattern.kind === 'exact') return []
  if (pattern.kind === 'regex') return pattern.regex.groupNames
  return pattern.segments.flatMap((segment) => ('param' in segment ? [segment.param] : []))
}

/**
 * Whether a path in normal form matches. The router finds the same by its tries; this is the definition it is tested against, and what
 * `explain` and the analysis of routes use.
 */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  if (pattern.kind === 'exact') return pattern.path === path
  if (pattern.kind === 'regex') return matchesRegex(pattern, path)
  return pattern.kind === 'prefix'
    ? matchingSegments(pattern.segments, path) === pattern.segments.length
    : path.split('/').length - 1 === pattern.segments.length && matchingSegments(pattern.segments, path) === pattern.segments.length
}

/** Whether a path matches a pattern that is a regular expression; the literal text it begins with is compared first. */
export function matchesRegex(pattern: PathPattern & { kind: 'regex' }, path: string): boolean {
  return path.startsWith(pattern.literalPrefix) && (pattern.isLiteral || pattern.regex.test(path))
}

/**
 * How many leading characters of a path in normal form the pattern speaks of: all of them for one path and for a fixed number of segments, those
 * of the segments before `/*`, the text that the expression matches.
 * @param path one that matches
 */
export function matchedLength(pattern: PathPattern, path: string): number {
  if (pattern.kind === 'exact' || pattern.kind === 'segments') return path.length
  if (pattern.kind === 'regex') return pattern.isLiteral ? pattern.literalPrefix.length : pattern.regex.matchEnd(path)
  let at = 0
  for (let i = 0; i < pattern.segments.length; i++) {
    const slash = path.indexOf('/', at + 1)
    at = slash === -1 ? path.length : slash
  }
  return at
}

/** How many of the leading segments of a pattern a path has. */
export function matchingSegments(segments: readonly PatternSegment[], path: string): number {
  const parts = path.split('/').slice(1)
  let count = 0
  for (const segment of segments) {
    const part = parts[count]
    if (part === undefined || ('param' in segment ? part === '' : part !== segment.literal)) break
    count++
  }
  return count
}
