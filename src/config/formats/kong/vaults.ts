/** `{vault://env/NAME}`, and decK's `${{ env "DECK_NAME" }}`: values that a Kong file leaves to the environment. */
import type { Problem } from '../../diagnostics.ts'
import { type ConfigNode, type MapEntry, type MapNode, nodeAt, type ScalarNode } from '../../tree.ts'
import type { Env } from './types.ts'

const REFERENCE = /^\{vault:\/\/([^/{}?#]+)\/([^/{}?#]+)(\/[^{}?#]*)?(?:\?([^{}#]*))?(?:#\d+)?\}$/
/** decK puts values in anywhere in a text, and takes none but variables that begin so. */
const DECK_REFERENCE = /\$\{\{\s*env\s+["'](DECK_[A-Za-z0-9_]+)["']\s*\}\}/g
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The tree with every reference to the environment replaced, marked as `${env:NAME}`. What is missing, or in a vault that cannot be asked, is a
 * problem at its place.
 */
export function resolveVaults(root: MapNode, env: Env, problems: Problem[]): MapNode {
  return new Resolver(prefixesOf(root), env, problems).map(root)
}

/** What stands before the names of variables, by the prefix of the vault; null for a vault that is not the environment. */
function prefixesOf(root: MapNode): Map<string, string | null> {
  const prefixes = new Map<string, string | null>([['env', '']])
  const vaults = root.entries.get('vaults')?.node
  for (const vault of vaults?.kind === 'list' ? vaults.items : []) {
    const text = (...path: string[]): string | null => {
      const node = nodeAt(vault, path)
      return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : null
    }
    const prefix = text('prefix')
    if (prefix !== null) prefixes.set(prefix, text('name') === 'env' ? (text('config', 'prefix') ?? '') : null)
  }
  return prefixes
}

class Resolver {
  readonly #prefixes: ReadonlyMap<string, string | null>
  readonly #env: Env
  readonly #problems: Problem[]

  constructor(prefixes: ReadonlyMap<string, string | null>, env: Env, problems: Problem[]) {
    this.#prefixes = prefixes
    this.#env = env
    this.#problems = problems
  }

  map(map: MapNode): MapNode {
    const entries = new Map<string, MapEntry>()
    for (const [key, { keyAt, node }] of map.entries) entries.set(key, { keyAt, node: this.#node(node) })
    return { ...map, entries }
  }

  #node(node: ConfigNode): ConfigNode {
    if (node.kind === 'map') return this.map(node)
    if (node.kind === 'list') return { ...node, items: node.items.map((item) => this.#node(item)) }
    if (typeof node.value !== 'string') return node
    if (node.value.startsWith('{vault://')) return this.#scalar(node, node.value)
    return node.value.includes('${{') ? this.#deck(node, node.value) : node
  }

  /** Left as it is, such a text would be a password that everybody knows. */
  #deck(node: ScalarNode, text: string): ScalarNode {
    const names = [...text.matchAll(DECK_REFERENCE)].map(([, name = '']) => name)
    const missing = names.filter((name) => this.#env[name] === undefined)
    const value = text.replaceAll(DECK_REFERENCE, (_, name: string) => this.#env[name] ?? '')
    const fail = (message: string): ScalarNode => {
      this.#problems.push({ severity: 'error', location: node.at, message })
      return { ...node, value: 'unknown', written: text }
    }
    if (missing.length > 0) return fail(missing.map((name) => `the environment variable \`${name}\` is not set`).join(', '))
    if (text.replaceAll(DECK_REFERENCE, '').includes('${{'))
      return fail(
        `of what decK puts in \`\${{ env "DECK_NAME" }}\` alone is taken: \`deck file render --populate-env-vars\` puts in the rest`,
      )
    return { ...node, value, written: nativeReferences(text) }
  }

  #scalar(node: ScalarNode, reference: string): ScalarNode {
    const fail = (message: string): ScalarNode => {
      this.#problems.push({ severity: 'error', location: node.at, message })
      return { ...node, value: 'unknown', written: reference }
    }
    const [, vault = '', resource = '', key, query = ''] = REFERENCE.exec(reference) ?? []
    if (vault === '') return fail(`\`${reference}\` is no reference: expected \`{vault://env/NAME}\``)
    const prefix = this.#prefixes.get(vault)
    if (prefix === undefined) return fail(`no vault has the prefix \`${vault}\`: expected \`env\`, or one of \`vaults\``)
    if (prefix === null)
      return fail(`the vault \`${vault}\` cannot be asked: expected \`{vault://env/NAME}\`, or write \`\${file:…}\` in the native form`)
    if (key !== undefined) return fail('a part of a variable that holds JSON cannot be taken: give it a variable of its own')
    const name = ((new URLSearchParams(query).get('prefix') ?? prefix) + resource).toUpperCase().replaceAll('-', '_')
    if (!VARIABLE.test(name)) return fail(`\`${name}\` is no name of an environment variable`)
    const value = this.#env[name]
    return value === undefined ? fail(`the environment variable \`${name}\` is not set`) : { ...node, value, written: `\${env:${name}}` }
  }
}

/**
 * A text with decK's references as native ones, and nothing else in it that would be one: what stands in a Kong file as it is, `${file:…}` say, means
 * nothing there. Null where that cannot be written: behind a dollar a reference is none.
 */
function nativeReferences(text: string): string | null {
  const parts = text.split(DECK_REFERENCE)
  if (parts.some((part, index) => index % 2 === 0 && index < parts.length - 1 && part.endsWith('$'))) return null
  return parts.map((part, index) => (index % 2 === 0 ? part.replaceAll('${', () => '$${') : `\${env:${part}}`)).join('')
}
