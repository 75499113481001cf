/** Translations of single plugins, for tests. */
import assert from 'node:assert/strict'
import { POLICIES } from '../../../../policies/index.ts'
import type { SourceLocation } from '../../../ir.ts'
import { toPlain } from '../../../tree.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, PluginScope, PluginSurroundings } from '../types.ts'

/** What a plugin's `config` becomes. */
export interface Translated {
  /** Options by `kind:name`, as plain JSON. */
  readonly policies: Readonly<Record<string, unknown>>
  readonly root: unknown
  /** Keys of the rules that apply. */
  readonly notes: readonly string[]
  /** What cannot be carried, or what Kong would refuse. */
  readonly errors: readonly string[]
}

const AT: SourceLocation = { file: 'kong.yml', line: 1, column: 1 }

/** Everywhere. */
export const GLOBAL: PluginScope = { service: null, route: null, consumer: null }

/** Translates a plugin's config, and checks with the schemas of the policies what comes out. */
export async function translated<Config>(
  plugin: KongPlugin<Config>,
  written: unknown,
  { scope = GLOBAL, beside = [] }: { readonly scope?: PluginScope; readonly beside?: readonly string[] } = {},
): Promise<Translated> {
  const notes: string[] = []
  const errors: string[] = []
  const checked = plugin.schema.safeParse(written)
  if (!checked.success) {
    const messages = checked.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    return { policies: {}, root: undefined, notes, errors: messages }
  }
  const node = nodeOf({}, AT)
  assert.ok(node.kind === 'map')
  const { name } = plugin
  const fields = { name, instanceName: null, enabled: true, config: checked.data, protocols: ['http', 'https'], tags: [] }
  const around: PluginSurroundings = {
    plugin: { fields, scope, label: `plugin ${name}`, id: 'id', node, at: AT, locate: () => AT },
    document: { written: [], at: AT, isPlain: true, services: [], routes: [], upstreams: [], certificates: [], consumers: [], plugins: [] },
    hasBeside: (other) => beside.includes(other),
    locate: () => AT,
    note(rule) {
      assert.ok(plugin.rules[rule] !== undefined, `there is no rule ${rule}`)
      notes.push(rule)
    },
    unsupported: (reason) => void errors.push(reason),
    error: (message) => void errors.push(message),
  }
  const { policies, root } = plugin.translate(checked.data, around)
  const plain = policies.map(({ kind, name: own = name, options }) => [kind, own, toPlain(nodeOf(options, AT))] as const)
  for (const [kind, , options] of plain) await checkOptions(kind, options)
  return {
    policies: Object.fromEntries(plain.map(([kind, own, options]) => [`${kind}:${own}`, options])),
    root: root === undefined ? undefined : toPlain(nodeOf(root, AT)),
    notes,
    errors,
  }
}

async function checkOptions(kind: string, options: unknown): Promise<void> {
  const definition = POLICIES.find((policy) => policy.kind === kind)
  assert.ok(definition !== undefined, `there is no policy ${kind}`)
  const schema = await definition.loadSchema()
  const result = schema.safeParse(options)
  assert.ok(result.success, result.success ? '' : JSON.stringify(result.error.issues))
}
