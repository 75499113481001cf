/**
 * Configurations and what becomes of them: beside each file of `config/` stands `<file>.golden` with its intermediate representation, or with
 * what is said of it. `UPDATE_GOLDEN=1` writes them anew; look at the difference before it is committed.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { renderProblems } from '../../src/config/diagnostics.ts'
import { loadTexts } from '../../src/config/testing.ts'

const FOLDER = join(import.meta.dirname, 'config')
const ENV = { ADMIN_TOKEN: 'token-of-the-admin', HOST: 'upstream.internal', TOK: 'value of TOK' }

async function outcomeOf(file: string): Promise<string> {
  const loaded = await loadTexts({ [file]: readFileSync(join(FOLDER, file), 'utf8') }, { env: ENV })
  if (!('ir' in loaded)) return `${renderProblems(loaded.problems, loaded)}\n`
  const warnings = renderProblems(loaded.warnings, loaded)
  return `${warnings === '' ? '' : `${warnings}\n`}${JSON.stringify(loaded.ir, placesInOneLine, 2)}\n`
}

function placesInOneLine(key: string, value: unknown): unknown {
  if (key !== 'at' || typeof value !== 'object' || value === null || !('line' in value && 'column' in value)) return value
  return `${String(value.line)}:${String(value.column)}`
}

for (const file of readdirSync(FOLDER).filter((name) => !name.endsWith('.golden'))) {
  test(`${file} becomes what its golden file says`, async () => {
    const golden = join(FOLDER, `${file}.golden`)
    const outcome = await outcomeOf(file)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, outcome)
    assert.ok(existsSync(golden), `there is no ${file}.golden: run with UPDATE_GOLDEN=1`)
    assert.equal(outcome, readFileSync(golden, 'utf8'))
  })
}
