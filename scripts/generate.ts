/**
 * Writes the files that are made from code, or with `--check` says which of them are not current and exits 1.
 * To add one, add a line to FILES, or to BUILT.
 */
import './node-guard.ts'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { ENDPOINTS } from '../src/admin/endpoints.ts'
import { openApiDocument } from '../src/admin/openapi.ts'
import { editorJsonSchema, writtenJsonSchema } from '../src/config/json-schema.ts'
import { loadSchemas } from '../src/config/load.ts'
import { POLICIES } from '../src/policies/index.ts'
import { ERRORS } from '../src/runtime/error-table.ts'
import { buildDashboard } from '../web/build.ts'
import { errorsPage } from './errors.ts'
import { kongPage } from './kong-page.ts'
import { configurationReference } from './reference.ts'
import { paint } from './terminal.ts'

const ROOT = join(import.meta.dirname, '..')

/** Path in the repository, and what makes the text. */
const FILES: readonly (readonly [string, () => Promise<string>])[] = [
  ['docs/turnpike.schema.json', async () => JSON.stringify(editorJsonSchema(await loadSchemas(POLICIES)))],
  [
    'docs/configuration.md',
    async () => configurationReference(writtenJsonSchema(await loadSchemas(POLICIES)), POLICIES.map(documentation)),
  ],
  ['docs/admin-openapi.json', async () => JSON.stringify(openApiDocument(ENDPOINTS))],
  ['docs/errors.md', async () => errorsPage(ERRORS)],
  ['docs/kong.md', async () => kongPage(readFileSync(join(ROOT, 'docs/kong.md'), 'utf8'))],
]

/** Like FILES, and left as they are made: what a browser gets. */
const BUILT: typeof FILES = [['src/admin/dashboard/index.html', buildDashboard]]

/** A policy with the example of its page, the first YAML block of src/policies/<kind>/README.md. */
function documentation({ kind, summary }: { readonly kind: string; readonly summary: string }) {
  const page = `src/policies/${kind}/README.md`
  const text = existsSync(join(ROOT, page)) ? readFileSync(join(ROOT, page), 'utf8') : null
  return {
    kind,
    summary,
    example: /^```ya?ml\n(.*?)^```$/ms.exec(text ?? '')?.[1] ?? null,
    page: text === null ? null : `../${page}`,
  }
}

/** A text as `npm run format` writes it, so that the two never disagree. */
function format(name: string, text: string): string {
  const biome = join(ROOT, 'node_modules', '.bin', 'biome')
  const { status, stdout, stderr } = spawnSync(biome, ['format', `--stdin-file-path=${name}`], { cwd: ROOT, input: text, encoding: 'utf8' })
  if (status !== 0) throw new Error(`biome cannot format ${name}: ${stderr}`)
  return stdout
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const stale: string[] = []
for (const [path, make] of [...FILES, ...BUILT]) {
  const file = join(ROOT, path)
  const made = await make()
  const text = BUILT.some(([built]) => built === path) ? made : format(path, made)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  stale.push(path)
  if (values.check) continue
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  process.stdout.write(`${paint('green', '✔')} ${path} written\n`)
}
if (values.check && stale.length > 0) {
  process.stdout.write(`${paint('red', '✖')} not current: ${stale.join(', ')}. Run \`node scripts/generate.ts\`.\n`)
  process.exitCode = 1
} else if (stale.length === 0) {
  process.stdout.write(`${paint('green', '✔')} ${FILES.length + BUILT.length} generated files are current\n`)
}
