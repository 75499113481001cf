import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Problem } from './diagnostics.ts'
import { parseModule } from './parse-module.ts'
import { parseYaml } from './parse-yaml.ts'
import { locate, toPlain } from './tree.ts'

function yamlProblems(text: string): string[] {
  const problems: Problem[] = []
  parseYaml('f.yaml', text, problems)
  return problems.map(({ location, message }) => `${location.line}:${location.column} ${message}`)
}

async function runModule(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-module-'))
  const file = join(folder, 'gateway.ts')
  await writeFile(file, text)
  const problems: Problem[] = []
  const tree = await parseModule(file, text, problems)
  await rm(folder, { recursive: true })
  return { tree, problems: problems.map(({ location, message }) => `${location.line}:${location.column} ${message}`) }
}

test('every key and value of YAML has its place', () => {
  const tree = parseYaml('f.yaml', 'a:\n  - x\n  - { b: 1 }\n', [])
  assert.ok(tree !== null)
  assert.deepEqual(locate(tree, ['a', 0]), { file: 'f.yaml', line: 2, column: 5 })
  assert.deepEqual(locate(tree, ['a', 1, 'b']), { file: 'f.yaml', line: 3, column: 10 })
  assert.deepEqual(locate(tree, ['a', 1, 'b'], 'key'), { file: 'f.yaml', line: 3, column: 7 })
  assert.deepEqual(locate(tree, ['a', 1, 'missing']), { file: 'f.yaml', line: 3, column: 5 })
})

test('broken YAML is a problem with a place', () => {
  assert.deepEqual(yamlProblems('a: [1,\nb: 2\n'), ['2:1 flow sequence in block collection must be sufficiently indented and end with a ]'])
  assert.deepEqual(yamlProblems('a: 1\n\tb: 2\n'), ['2:1 tabs cannot indent: use spaces'])
  assert.deepEqual(yamlProblems('a: 1\n---\nb: 1\n'), [
    '2:1 a configuration is one document: split it into several files, or remove this `---`',
  ])
  assert.deepEqual(yamlProblems('- a\n'), ['1:1 expected a map with keys such as `services` and `routes` at the top of the file'])
  assert.deepEqual(yamlProblems('a: !!binary aGk=\n'), ['1:13 expected text, a number, true, false or null'])
})

test('a key that stands twice is a problem, in YAML as in JSON', () => {
  assert.deepEqual(yamlProblems('a: 1\nb: 2\na: 3\n'), ['3:1 this key stands twice in the same map'])
  assert.deepEqual(yamlProblems('{"a": 1, "a": 2}'), ['1:10 this key stands twice in the same map'])
})

test('keys cannot reach the prototype', () => {
  assert.deepEqual(yamlProblems('__proto__: { a: 1 }\n'), ['1:1 `__proto__` cannot be a key'])
  const tree = parseYaml('f.yaml', 'constructor: 1\n', [])
  assert.ok(tree !== null)
  assert.deepEqual(Object.entries(toPlain(tree) ?? {}), [['constructor', 1]])
})

test('aliases repeat what they name, within bounds', () => {
  const tree = parseYaml('f.yaml', 'a: &x { b: 1 }\nc: *x\n', [])
  assert.ok(tree !== null)
  assert.equal(JSON.stringify(toPlain(tree)), '{"a":{"b":1},"c":{"b":1}}')
  const levels = ['a: &l0 [x]']
  for (let level = 1; level < 12; level++) levels.push(`l${level}: &l${level} [${`*l${level - 1},`.repeat(10)}]`)
  assert.match(yamlProblems(levels.join('\n'))[0] ?? '', /at most 2000000 values/)
  assert.match(yamlProblems('a: &a [*a]\n')[0] ?? '', /nested deeper than 64 levels/)
  assert.deepEqual(yamlProblems('a: *b\n'), ['1:4 there is no anchor `&b` above this alias'])
})

test('2.1 a Kong file is YAML 1.1: merge keys take over, and yes, no, on and off are booleans', () => {
  const read = (text: string): unknown => toPlain(parseYaml('kong.yml', text, []) ?? assert.fail(text))
  assert.deepEqual(read('_format_version: "3.0"\na: &a { x: 1, y: 1 }\nb: { y: 2, <<: *a }\nc: { <<: [{ x: 3 }, *a], z: 4 }\n'), {
    _format_version: '3.0',
    a: { x: 1, y: 1 },
    b: { y: 2, x: 1 },
    c: { z: 4, x: 3, y: 1 },
  })
  assert.deepEqual(read(`_format_version: "3.0"\na: [yes, Off, "no", yEs]\n`), { _format_version: '3.0', a: [true, false, 'no', 'yEs'] })
  assert.deepEqual(read('a: &a { x: 1 }\nb: { <<: *a }\nc: yes\n'), { a: { x: 1 }, b: { '<<': { x: 1 } }, c: 'yes' })
  assert.deepEqual(yamlProblems('_format_version: "3.0"\na: { <<: 1 }\n'), ['2:10 expected a map to take over, or a list of maps'])
})

test('a module gives its default export, with places found by its keys', async () => {
  const text =
    "const port: number = 8080\nexport default {\n  listeners: [{ port }],\n  'services': {\n    a: { targets: ['h:1'] },\n  },\n  routes: { a: { path: '/a' } },\n}\n"
  const { tree, problems } = await runModule(text)
  assert.deepEqual(problems, [])
  assert.ok(tree !== null)
  assert.equal(
    JSON.stringify(toPlain(tree)),
    '{"listeners":[{"port":8080}],"services":{"a":{"targets":["h:1"]}},"routes":{"a":{"path":"/a"}}}',
  )
  const place = (...path: string[]) => {
    const { line, column } = locate(tree, path, 'key')
    return `${line}:${column}`
  }
  assert.deepEqual([place('listeners'), place('services', 'a', 'targets'), place('routes', 'a', 'path')], ['3:3', '5:10', '7:18'])
})

test('a module is run again when it has changed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-module-'))
  const file = join(folder, 'gateway.mts')
  const values: unknown[] = []
  for (const text of ['export default { workers: 1 }', 'export default { workers: 2 }']) {
    await writeFile(file, text)
    const tree = await parseModule(file, text, [])
    values.push(tree === null ? null : JSON.stringify(toPlain(tree)))
  }
  await rm(folder, { recursive: true })
  assert.deepEqual(values, ['{"workers":1}', '{"workers":2}'])
})

test('what is wrong with a module is a problem and no stack trace', async () => {
  assert.deepEqual((await runModule("const a = 1\nthrow new Error('no ' + a)\n")).problems, ['2:7 the file cannot be run: no 1'])
  assert.deepEqual((await runModule('export const a = 1\n')).problems, [
    '1:1 the file has no default export: write `export default defineGateway({ … })`',
  ])
  assert.deepEqual((await runModule('export default 3\n')).problems, ['1:1 the default export is no object'])
  assert.deepEqual((await runModule('export default {\n  routes: { a: () => 1 },\n}\n')).problems, [
    '2:13 a configuration is plain data: a function has no meaning in it',
  ])
  assert.match((await runModule('export default {\n  a: = 1\n}\n')).problems[0] ?? '', /^\d+:\d+ the file cannot be run: /)
})
