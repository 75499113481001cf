import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const read = (pattern: string): string =>
  globSync(pattern, { cwd: import.meta.dirname })
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
    .join('\n')

test('each custom property that is used is defined, for a browser passes over the others without a word', () => {
  const style = read('**/*.css')
  const defined = new Set([...style.matchAll(/^\s*(--[a-z-]+):/gm)].map(([, name]) => name))
  const used = new Set([...`${style}\n${read('**/*.tsx')}`.matchAll(/var\((--[a-z-]+)\)/g)].map(([, name]) => name))
  assert.ok(used.size > 20)
  assert.deepEqual(
    [...used].filter((name) => !defined.has(name)),
    [],
  )
})
