import type { z } from '../core/schema.ts'
import type { Problem } from './diagnostics.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from './tree.ts'

type Issue = z.core.$ZodIssue
type RawIssue = z.core.$ZodRawIssue

/**
 * The library's messages in our words: what was expected first. For `schema.safeParse(value, { error: describeIssue })`; messages that
 * schemas give themselves go before it.
 */
export function describeIssue(issue: RawIssue): string | undefined {
  if (issue.code === 'invalid_type') return `expected ${TYPES.get(issue.expected) ?? issue.expected}, found ${typeName(issue.input)}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return describeBound(issue)
  if (issue.code === 'invalid_value') return `expected ${issue.values.map((value) => `\`${String(value)}\``).join(' or ')}`
  return issue.code === 'invalid_union' ? 'the value has none of the forms it may have' : undefined
}

const TYPES: ReadonlyMap<string, string> = new Map([
  ['string', 'text'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'a list'],
  ['object', 'a map'],
  ['record', 'a map'],
])

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`
}

function describeBound(issue: RawIssue & { code: 'too_small' | 'too_big' }): string {
  const { origin } = issue
  const bound = String(issue.code === 'too_small' ? issue.minimum : issue.maximum)
  const least = issue.code === 'too_small' ? 'at least' : 'at most'
  if (origin === 'string') return bound === '1' ? 'expected text that is not empty' : `expected ${least} ${bound} characters`
  if (origin === 'array') return `expected ${least} ${bound} ${bound === '1' ? 'item' : 'items'}`
  return `expected ${least} ${bound}${typeof issue.input === 'number' ? `, found ${issue.input}` : ''}`
}

/** The issues of a failed check as problems with places. `base` is the path of the value that was checked. */
export function problemsOf(issues: readonly Issue[], root: ConfigNode, base: ConfigPath = []): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, root, base))
}

function problemsOfIssue(issue: Issue, root: ConfigNode, base: ConfigPath): Problem[] {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, index) => ({
      severity: 'error',
      location: locate(root, [...path, key], 'key'),
      message: messages[index] ?? `unknown key \`${key}\``,
    }))
  }
  if (issue.code === 'invalid_union') {
    const branch = bestBranch(issue.errors, nodeAt(root, path))
    if (branch !== null) return problemsOf(branch, root, path)
    const node = nodeAt(root, path)
    if (node !== null) return [{ severity: 'error', location: node.at, message: withoutValue(unionMessage(issue), node) }]
  }
  if (issue.code === 'invalid_key') {
    const inner = issue.issues[0]?.message ?? issue.message
    return [
      { severity: 'error', location: locate(root, path, 'key'), message: `the name \`${String(path.at(-1))}\` will not do: ${inner}` },
    ]
  }
  const node = nodeAt(root, path)
  if (node === null && issue.code !== 'custom') {
    return [{ severity: 'error', location: locate(root, path, 'key'), message: `the key \`${String(path.at(-1))}\` is missing` }]
  }
  return [{ severity: 'error', location: locate(root, path), message: withoutValue(issue.message, node) }]
}

/** The branch of a union that the value was meant for: the one whose type fits, so that its complaints lie deeper or are of another kind. */
function bestBranch(branches: readonly (readonly Issue[])[], node: ConfigNode | null): readonly Issue[] | null {
  const type = node?.kind === 'scalar' ? typeof node.value : 'object'
  const misfits = ({ code, path, ...issue }: Issue): boolean =>
    path.length === 0 && (code === 'invalid_type' || ('values' in issue && typeof issue.values[0] !== type))
  const fitting = branches.filter((issues) => !issues.some(misfits))
  return fitting.length === 1 ? (fitting[0] ?? null) : null
}

/** What each branch of a union expected, in one sentence. */
function unionMessage({ errors, message }: Issue & { code: 'invalid_union' }): string {
  const expected = errors.flatMap(([first]) =>
    first?.message.startsWith('expected ') ? [first.message.slice(9).split(/, found /, 1)[0]] : [],
  )
  // The longest says most: `a map or false` of the one and `a map` of the other branch are one thing.
  const distinct = [...new Set(expected)].filter((one, _, all) => !all.some((other) => other !== one && other?.includes(one ?? '')))
  return expected.length === errors.length ? `expected ${distinct.join(' or ')}` : message
}

/** A message about a value that came from the environment or a file: only what was expected, and never what was found. */
export function withoutValue(message: string, node: ConfigNode | null): string {
  if (node?.kind !== 'scalar' || node.written === null) return message
  const [expected = ''] = message.split(/, found |;/, 1)
  // The second condition is for words that a policy's own check makes of a value.
  const tells = expected.startsWith('expected ') && !expected.toLowerCase().includes(String(node.value).toLowerCase())
  return `the value of \`${node.written}\` will not do here${tells ? `: ${expected}` : ''}`
}

/** Paths of every value that some branch of the schema refused. */
export function refusedPaths(issues: readonly Issue[], base: ConfigPath = []): ConfigPath[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))]
    return issue.code === 'invalid_union' ? [path, ...issue.errors.flatMap((branch) => refusedPaths(branch, path))] : [path]
  })
}
