/**
 * The direction of imports, from ARCHITECTURE.md. Biome checks the same while one types (`biome.json`); this test also checks what
 * Biome cannot say, and that both hold the same table.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'

/** What each room of src may import, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  http: ['core'],
  upstream: ['core', 'http', 'config'],
  compile: ['core', 'http', 'upstream', 'config', 'policies'],
  runtime: ['core', 'http', 'upstream', 'compile', 'config', 'telemetry'],
  admin: ['core', 'http', 'upstream', 'compile', 'runtime', 'config', 'telemetry'],
  cli: ['core', 'http', 'upstream', 'compile', 'runtime', 'admin', 'config', 'telemetry', 'policies', 'discovery', 'sources', 'stores'],
  policies: ['core'],
  discovery: ['core'],
  sources: ['core', 'discovery'],
  stores: ['core', 'config'],
  telemetry: ['core'],
  config: ['core'],
}

/** Files that may be imported from a room that is otherwise closed to the importer. */
const OPEN_FILES: Readonly<Record<string, readonly string[]>> = {
  upstream: ['src/config/ir.ts'],
  stores: ['src/config/ir.ts'],
  compile: ['src/config/ir.ts', 'src/policies/index.ts'],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const SPECIFIER = /^\s*(?:(?:import|export)\s+(?<type>type\s)?(?:[\w*{][^'"]*\sfrom\s*)?|.*\bimport\()['"](?<path>\.[^'"]*)['"]/gm

/** All relative imports in a file's text, static, dynamic and re-exports, as paths from the repository's root. */
function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(SPECIFIER)].map((match) => ({
    from: file,
    to: posix.join(posix.dirname(file), match.groups?.['path'] ?? ''),
    typeOnly: match.groups?.['type'] !== undefined,
  }))
}

/** The room of a file below src, or null for main.ts and index.ts, which stand above the rooms. */
function roomOf(file: string): string | null {
  const parts = file.split('/')
  return parts[0] === 'src' && parts.length > 2 ? (parts[1] ?? null) : null
}

/** Why an import goes the wrong way, or null. */
function fault({ from, to, typeOnly }: Import): string | null {
  const here = roomOf(from)
  const there = roomOf(to)
  if (here === null) return null
  if (there === null) return `${here} imports ${to}, which stands above the rooms`
  if (here === there) {
    const [kind, otherKind] = [from.split('/')[2], to.split('/')[2]]
    return here === 'policies' && kind !== 'index.ts' && kind !== otherKind ? 'policies never import each other' : null
  }
  if (!MAY_IMPORT[here]?.includes(there)) return `${here} does not import ${there}`
  const open = OPEN_FILES[here]
  if (open && (there === 'config' || there === 'policies') && !open.includes(to))
    return `${here} imports of ${there} only ${open.join(', ')}`
  if (from === 'src/runtime/proxy.ts' && there === 'config') return 'the proxy never sees configuration'
  if ((here === 'upstream' || here === 'stores') && there === 'config' && !typeOnly) return `${here} imports types only from config`
  return null
}

const FILES = globSync('src/**/*.ts')
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !/\.(test|fixture)\.ts$|\/testing[^/]*\.ts$/.test(file))
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }))

test('every room of src is in the table', () => {
  const unknown = new Set(FILES.map(({ file }) => roomOf(file)).filter((room) => room !== null && !(room in MAY_IMPORT)))
  assert.deepEqual([...unknown], [])
})

test('imports go one way', () => {
  const faults = FILES.flatMap(({ file, text }) => importsOf(file, text))
    .map((found) => ({ found, why: fault(found) }))
    .filter(({ why }) => why !== null)
    .map(({ found, why }) => `${found.from} imports ${found.to}: ${why}`)
  assert.deepEqual(faults, [])
})

test('only main and cli read process.env and process.argv', () => {
  const readers = FILES.filter(({ file }) => file !== 'src/main.ts' && roomOf(file) !== 'cli')
    .filter(({ text }) => /\bprocess\s*\.\s*(env|argv)\b|\b(env|argv)\b[^'"\n]*from 'node:process'/.test(text))
    .map(({ file }) => file)
  assert.deepEqual(readers, [])
})

test('a wrong import is seen in every form it can be written in', () => {
  const forms = [
    `import { a } from '../http/a.ts'`,
    `import {\n  a,\n  b,\n} from '../http/a.ts'`,
    `import type { A } from '../http/a.ts'`,
    `import '../http/a.ts'`,
    `export * from '../http/a.ts'`,
    `export { a } from '../http/a.ts'`,
    `const { a } = await import('../http/a.ts')`,
  ]
  for (const form of forms) {
    const [found] = importsOf('src/core/x.ts', form)
    assert.equal(found && fault(found), 'core does not import http', form)
  }
  const between = importsOf('src/policies/cors/policy.ts', `import { a } from '../redirect/policy.ts'`)
  assert.equal(between[0] && fault(between[0]), 'policies never import each other')
  const upstream = importsOf('src/upstream/x.ts', `import { a } from '../config/ir.ts'`)
  assert.equal(upstream[0] && fault(upstream[0]), 'upstream imports types only from config')
  const proxy = importsOf('src/runtime/proxy.ts', `import type { RouteIr } from '../config/ir.ts'`)
  assert.equal(proxy[0] && fault(proxy[0]), 'the proxy never sees configuration')
})

interface BiomeOverride {
  readonly includes: readonly string[]
  readonly linter: { rules: { style: { noRestrictedImports?: { options: { patterns: readonly { group: readonly string[] }[] } } } } }
}

test('biome.json forbids what this table forbids', () => {
  const { overrides }: { overrides: readonly BiomeOverride[] } = JSON.parse(readFileSync('biome.json', 'utf8'))
  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    if (room === 'cli') continue
    const rule = overrides.find(({ includes }) => includes[0] === `src/${room}/**`)?.linter.rules.style.noRestrictedImports
    const forbidden = rule?.options.patterns.flatMap(({ group }) => group) ?? []
    for (const other of Object.keys(MAY_IMPORT).filter((name) => name !== room)) {
      const partlyOpen = OPEN_FILES[room]?.some((file) => roomOf(file) === other) ?? false
      assert.equal(forbidden.includes(`**/${other}/**`), partlyOpen || !allowed.includes(other), `${room} → ${other}`)
    }
  }
})
