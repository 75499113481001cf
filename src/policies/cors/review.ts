import type { PolicySurroundings, Remark } from '../../core/policy.ts'
import { type OriginRule, parseOriginRule } from './origin.ts'
import type { CorsOptions } from './schema.ts'

/** An origin that nobody means. */
const STRANGER = 'https://a.invalid'
/** A dot that stands for any character: not escaped, not in brackets. */
const BARE_DOT = /(?:^|[^\\])(?:\\\\)*\./

/** What is allowed but lets more sites in than is seldom meant. */
export function reviewCors(options: CorsOptions, around: PolicySurroundings): readonly Remark[] {
  const { origins, credentials, preflightContinue } = options
  const remarks: Remark[] = []
  if (options.lenient) return reviewLenient(options)
  for (const [index, text] of origins.entries()) {
    const rule = parseOriginRule(text)
    if ('problem' in rule) continue
    const path = ['origins', index]
    const { error, warning } = remarkOf(rule, text, credentials, around.authenticates)
    if (error !== undefined) remarks.push({ severity: 'error', path, message: error })
    else if (warning !== undefined) remarks.push({ severity: 'warning', path, message: warning })
  }
  if (origins.includes('*') && origins.length > 1) {
    remarks.push({ severity: 'warning', path: ['origins'], message: '`*` takes every origin: the others add nothing' })
  }
  if (preflightContinue && around.authenticates) {
    const message = 'preflights carry no credentials: with `preflightContinue` authentication refuses them, and browsers then send nothing'
    remarks.push({ severity: 'warning', path: ['preflightContinue'], message })
  }
  return remarks
}

/** Of what is written for another gateway only what lets every site in. */
function reviewLenient({ origins, credentials }: CorsOptions): readonly Remark[] {
  if (!credentials || !origins.includes('*')) return []
  const message = '`*` with `credentials`: the scripts of every site may read here what their visitors may. Name the origins'
  return [{ severity: 'warning', path: ['origins', origins.indexOf('*')], message }]
}

interface Remarked {
  readonly error?: string
  readonly warning?: string
}

function remarkOf(rule: OriginRule, text: string, credentials: boolean, authenticates: boolean): Remarked {
  if (rule.kind === 'any') {
    if (!authenticates) return {}
    return { warning: '`*` where callers authenticate: scripts of every site may use a token they have got hold of. Name the origins' }
  }
  if (rule.kind === 'regex') return remarkOfRegex(text, rule.regex.test(STRANGER), credentials)
  if (rule.kind === 'wildcard') {
    if (rule.suffix.indexOf('.', 1) !== -1) return {}
    return { warning: `\`${text}\` takes every site under \`${rule.suffix.slice(1)}\`, whoever it belongs to` }
  }
  if (rule.origin === 'null') {
    return { warning: '`null` is the origin of every sandboxed frame and local file: any site can make one' }
  }
  if (credentials && rule.origin.startsWith('http:') && !LOCAL.test(rule.origin)) {
    return { warning: `\`${text}\` is not encrypted: whoever sits on the network can put scripts into it that use \`credentials\`` }
  }
  return {}
}

const LOCAL = /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/

function remarkOfRegex(text: string, takesStrangers: boolean, credentials: boolean): Remarked {
  if (takesStrangers) {
    if (credentials) return { error: `\`${text}\` takes every origin, which must not be with \`credentials\`: name the origins` }
    return { warning: `\`${text}\` takes every origin: write \`*\` if that is meant` }
  }
  if (BARE_DOT.test(text.replaceAll(/\[[^\]]*\]/g, '[]'))) {
    return {
      warning: `\`.\` takes any character, so that \`${text}\` also takes foreign origins: write \`\\.\` for a dot and \`[a-z0-9-]+\` for a label`,
    }
  }
  return {}
}
