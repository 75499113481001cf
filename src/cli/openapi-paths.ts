import type { PolicyIr, RouteIr } from '../config/ir.ts'
import { matchesPath, type PathPattern, parsePathPattern } from '../core/path-pattern.ts'
import { optionAt } from './policy-option.ts'

/** Finds the paths at which a route's clients see what a policy behind it describes. */
export class PublicPaths {
  readonly #patterns: readonly PathPattern[]
  readonly #methods: ReadonlySet<string>
  readonly #rewrite: Rewrite
  /** Why the paths of the route cannot be told; null where they can. */
  readonly problem: string | null

  /** @param policies in force on the route */
  constructor({ match }: RouteIr, policies: readonly PolicyIr[]) {
    this.#patterns = match.paths.map((path) => parsePathPattern(path)).flatMap((pattern) => ('problem' in pattern ? [] : [pattern]))
    this.#methods = new Set(match.methods)
    const optionsOf = (kind: string): unknown => policies.find((policy) => policy.kind === kind && policy.mode === 'enforce')?.options
    this.#rewrite = rewriteOf(optionsOf('rewrite'))
    const request = optionAt(optionsOf('transform'), 'request')
    const makesPath = optionAt(request, 'path') !== undefined || optionAt(request, 'method') !== undefined
    this.problem = makesPath
      ? '`transform` makes its paths or methods'
      : this.#rewrite.hasRegex
        ? '`rewrite` makes its paths by a regular expression'
        : null
  }

  takes(method: string): boolean {
    return this.#methods.size === 0 || this.#methods.has(method)
  }

  /**
   * The path of a client for a path that a policy describes; null where the route takes none.
   * @param template with parameters in braces
   */
  pathFor(template: string): string | null {
    const { stripPrefix, addPrefix } = this.#rewrite
    if (!template.startsWith(`${addPrefix}/`)) return null
    const inner = template.slice(addPrefix.length)
    const candidates = stripPrefix === '' ? [inner] : [`${stripPrefix}${inner}`, inner]
    return candidates.find((candidate) => this.#takesPath(candidate)) ?? null
  }

  #takesPath(template: string): boolean {
    const example = template.replaceAll(/\{[^{}]*\}/g, 'x')
    // What a regular expression makes of a parameter's value nobody knows.
    return this.#patterns.some(
      (pattern) => matchesPath(pattern, example) || (pattern.kind === 'regex' && example.startsWith(pattern.literalPrefix)),
    )
  }
}

interface Rewrite {
  readonly stripPrefix: string
  readonly addPrefix: string
  readonly hasRegex: boolean
}

function rewriteOf(options: unknown): Rewrite {
  const text = (name: string): string => {
    const value = optionAt(options, name)
    return typeof value === 'string' ? value.replace(/\/$/, '') : ''
  }
  return { stripPrefix: text('stripPrefix'), addPrefix: text('addPrefix'), hasRegex: optionAt(options, 'path') !== undefined }
}
