/**
 * Kong files and what becomes of them: beside each file of `kong/`, which is named after what it shows, stands `<file>.golden` with what is said
 * of it and the native form that it becomes, without what is the same for all files. What cannot be carried is left out, and said.
 * `UPDATE_GOLDEN=1` writes them anew; look at the difference before it is committed.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadText } from '../../src/cli/load-text.ts'
import type { Problem } from '../../src/config/diagnostics.ts'
import { annotationsOf } from '../../src/config/formats/kong/annotations.ts'
import { CORE_POLICIES } from '../../src/config/formats/kong/core-policies.ts'
import { fidelityReport } from '../../src/config/formats/kong/fidelity.ts'
import type { KongTranslation } from '../../src/config/formats/kong/index.ts'
import { nativeText } from '../../src/config/formats/kong/native-text.ts'
import type { Loaded } from '../../src/config/load.ts'
import { type MapEntry, type MapNode, nodeAt, toPlain } from '../../src/config/tree.ts'
import { yamlText } from '../../src/config/yaml-text.ts'
import { POLICIES } from '../../src/policies/index.ts'

const FOLDER = join(import.meta.dirname, 'kong')
const ENV = { BACKEND_HOST: 'backend.internal', API_KEY: 'value-of-API_KEY', MY_KEY: 'value-of-MY_KEY' }
const OPTIONS = { policies: POLICIES, env: ENV, availableCpus: 4 }
/** Of every file. */
const SAME_ROOT = new Set(['compatibility', 'limits'])
/** Of every service. */
const SAME_SERVICE = new Set(['retryBudget', 'connectionsMax'])

function load(file: string, text: string, skipUnsupported: boolean) {
  return loadText(file, text, { ...OPTIONS, skipUnsupported })
}

function said(problems: readonly Problem[]): string {
  return problems.map(({ location, severity, message }) => `${location.line}:${location.column} ${severity} ${message}\n`).join('')
}

interface Outcome {
  readonly text: string
  /** What the file becomes, with what cannot be carried left out; null where it is refused. */
  readonly loaded: Loaded | null
}

async function outcomeOf(file: string, text: string): Promise<Outcome> {
  const strict = await load(file, text, false)
  if ('ir' in strict) return { text: `${said(strict.warnings)}${nativeOf(strict.kong[0])}`, loaded: strict }
  const skipped = await load(file, text, true)
  if ('ir' in skipped) return { text: `${said(strict.problems)}skipped:\n${nativeOf(skipped.kong[0])}`, loaded: skipped }
  return { text: said(strict.problems), loaded: null }
}

/** That the native file of an import means the same, and that its report leaves nothing out that is noted. */
async function checkImport(file: string, { ir, kong: [translation] }: Loaded): Promise<void> {
  if (translation === undefined) assert.fail('this is no Kong file')
  const native = await load('native.yaml', nativeText(file, translation), false)
  if (!('ir' in native)) assert.fail(said(native.problems))
  assert.equal(native.ir.revision, ir.revision, 'the native form means something else')
  const { details } = fidelityReport(file, translation)
  for (const { entity, reason } of translation.notes) {
    const isThere = details.some((detail) => detail.entity === entity && JSON.stringify(detail).includes(JSON.stringify(reason)))
    assert.ok(isThere, `the report lacks: ${entity}: ${reason}`)
  }
}

/** The native form with its comments, without what every file has. */
function nativeOf(translation: KongTranslation | undefined): string {
  if (translation === undefined) return assert.fail('this is no Kong file')
  const { comments } = annotationsOf(translation)
  const listeners = nodeAt(translation.tree, ['listeners'])
  const hasTls = listeners !== null && JSON.stringify(toPlain(listeners)).includes('"tls"')
  const own = without(translation.tree, (path) => {
    const [first = '', second = '', third = ''] = path
    if (path.length === 1) return SAME_ROOT.has(first) || (first === 'listeners' && !hasTls)
    if (first === 'policies' && path.length === 2) return second in CORE_POLICIES
    return first === 'services' && path.length === 3 && SAME_SERVICE.has(third)
  })
  return `\n${yamlText(own, comments)}`
}

function without(map: MapNode, isLeftOut: (path: readonly string[]) => boolean, above: readonly string[] = []): MapNode {
  const entries = new Map<string, MapEntry>()
  for (const [key, { keyAt, node }] of map.entries) {
    const path = [...above, key]
    if (isLeftOut(path)) continue
    const isSection = path.length < 3 && node.kind === 'map' && (path.length === 1 || path[0] === 'services')
    const inner = isSection ? without(node, isLeftOut, path) : node
    if (inner.kind !== 'map' || inner.entries.size > 0) entries.set(key, { keyAt, node: inner })
  }
  return { ...map, entries }
}

for (const file of readdirSync(FOLDER).filter((name) => !name.endsWith('.golden'))) {
  test(`kong/${file} becomes what its golden file says, and its import means the same`, async () => {
    const golden = join(FOLDER, `${file}.golden`)
    const { text, loaded } = await outcomeOf(file, readFileSync(join(FOLDER, file), 'utf8'))
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text)
    assert.ok(existsSync(golden), `there is no ${file}.golden: run with UPDATE_GOLDEN=1`)
    assert.equal(text, readFileSync(golden, 'utf8'))
    if (loaded !== null) await checkImport(file, loaded)
  })
}
