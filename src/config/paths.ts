import { parsePathPattern } from '../core/path-pattern.ts'
import { compileRegex } from '../core/regex.ts'

/** What is wrong with the path of a route; null for nothing. */
export function pathProblem(text: string): string | null {
  const problem = text.startsWith('~') ? null : plainProblem(text)
  if (problem !== null) return problem
  const pattern = parsePathPattern(text)
  return 'problem' in pattern ? pattern.problem : null
}

/** What is wrong with what a header or query parameter is compared with: `~` begins a regular expression. */
export function valueMatchProblem(text: string): string | null {
  if (!text.startsWith('~')) return null
  const regex = compileRegex(text.slice(1), 'both')
  return 'problem' in regex ? regex.problem : null
}

/**
 * What the router would quietly put right, or refuse with many reasons in one sentence. A pattern that is not written in the normal form
 * of paths is most likely a mistake: `/a/../b` never meets a request that says `/a/`.
 */
function plainProblem(text: string): string | null {
  if (/[?#]/.test(text)) return 'a path has no `?` or `#`: match the query with `query`'
  if (text.includes('\\')) return 'a path has no `\\`'
  if (/\/\.{1,2}(\/|$)/.test(text)) return 'a path has no `.` or `..` segments: requests are matched after they are resolved'
  const [encoded] = /%(2d|2e|5f|7e|3\d|[46][1-9a-f]|[57][0-9a])/i.exec(text) ?? []
  if (encoded !== undefined && isUnreserved(encoded)) return `\`${encoded}\` is written plainly: \`${decodeURIComponent(encoded)}\``
  if (/%(?![0-9a-f]{2})/i.test(text)) return '`%` is followed by two hexadecimal digits'
  return null
}

/** RFC 3986, 2.3: letters, digits, `-`, `.`, `_` and `~` mean the same with and without percent-encoding. */
function isUnreserved(encoded: string): boolean {
  return /^[A-Za-z0-9\-._~]$/.test(String.fromCharCode(Number.parseInt(encoded.slice(1), 16)))
}
