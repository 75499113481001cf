import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { nodeOf } from './formats/kong/nodes.ts'
import type { Written } from './formats/kong/types.ts'
import { parseYaml } from './parse-yaml.ts'
import { interpolate } from './secret.ts'
import { type MapNode, toPlain } from './tree.ts'
import { wrapped, yamlText } from './yaml-text.ts'

const AT = { file: 'a.yaml', line: 1, column: 1 }

function treeOf(value: Written): MapNode {
  const node = nodeOf(value, AT)
  assert.ok(node.kind === 'map')
  return node
}

/** What a reader of the text gets. */
async function read(text: string, env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const problems: [] = []
  const tree = parseYaml('a.yaml', text, problems)
  assert.ok(tree !== null, `${JSON.stringify(problems)}\n${text}`)
  const resolved = await interpolate(tree, { env, readFile: () => Promise.reject(new Error('none')), onFile: () => {} }, problems)
  assert.deepEqual(problems, [], text)
  return toPlain(resolved)
}

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom(
    'true',
    'null',
    '~',
    '60s',
    '1e5',
    '0x1f',
    '1_000',
    '.inf',
    '- a',
    'a: b',
    'a #b',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of a configuration
    '${env:X}',
    '$${',
    '\n',
    'a\n',
    'a\n\n',
    ' a\nb',
  ),
  fc.array(fc.constantFrom('a', ' ', '\n', '\t', '#', ':', '-', '$', '{', '}', '"', "'", '\\', '|', '\r')).map((parts) => parts.join('')),
)
const keys = fc.oneof(texts, fc.string({ unit: 'grapheme-ascii', minLength: 1 })).filter((key) => key !== '__proto__')
const { map } = fc.letrec<{ value: Written; map: Record<string, Written> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    texts,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    tie('map'),
    fc.array(tie('value'), { maxLength: 4 }),
  ),
  map: fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}))

test('what is written is read as the same, whatever the texts are', async () => {
  await fc.assert(
    fc.asyncProperty(map, async (value) => {
      assert.deepEqual(await read(yamlText(treeOf(value))), JSON.parse(JSON.stringify(value)))
    }),
    { seed: 8, numRuns: 2_000 },
  )
})

test('an interpolation is written as it stood, and a text that looks like one is not one', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of a configuration
  const secret = { kind: 'scalar', at: AT, value: 'from the environment', written: '${env:KEY}' } as const
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of a configuration
  const text = yamlText(treeOf({ secret, plain: '${env:KEY}' }))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of a configuration
  assert.equal(text, 'secret: "${env:KEY}"\n\nplain: "$${env:KEY}"\n')
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of a configuration
  assert.deepEqual(await read(text, { KEY: 'now' }), { secret: 'now', plain: '${env:KEY}' })
})

test('comments stand above what they are about, also in lists, and are wrapped', () => {
  const inner = nodeOf({ b: 1 }, AT)
  const item = nodeOf({ c: 1, d: { e: 1, f: 2 } }, AT)
  const comments = new Map([
    [inner, ['of a', 'word '.repeat(40).trim()]],
    [item, ['of the item']],
  ])
  const text = yamlText(treeOf({ a: inner, list: [item, 'x'], short: ['x', 'y'] }), comments)
  assert.equal(
    text,
    `# of a
# ${'word '.repeat(23).trim()}
# ${'word '.repeat(17).trim()}
a: { b: 1 }

list:
  # of the item
  - c: 1
    d: { e: 1, f: 2 }
  - x

short: [x, y]
`,
  )
})

test('certificates and other texts of several lines are blocks', () => {
  assert.equal(yamlText(treeOf({ cert: 'a\nb\n', key: 'a\n\nb' })), 'cert: |\n  a\n  b\n\nkey: |-\n  a\n\n  b\n')
})

test('text is wrapped between words, and a long word is left whole', () => {
  assert.deepEqual(wrapped('one two three', 7), ['one two', 'three'])
  assert.deepEqual(wrapped('a-very-long-word b', 4), ['a-very-long-word', 'b'])
})
