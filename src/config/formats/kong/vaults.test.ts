import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../diagnostics.ts'
import { nodeAt } from '../../tree.ts'
import { nodeOf } from './nodes.ts'
import { resolveVaults } from './vaults.ts'

const AT = { file: 'kong.yml', line: 1, column: 1 }
const deck = (name: string): string => `\${{ env "${name}" }}`

/** The value that a text comes to, and how it is written natively. */
function resolved(text: string): { readonly value: unknown; readonly written: string | null } {
  const problems: Problem[] = []
  const root = nodeOf({ text }, AT)
  assert.equal(root.kind, 'map')
  const node = nodeAt(resolveVaults(root, { DECK_A: 'one', B: 'two' }, problems), ['text'])
  assert.deepEqual(problems, [])
  assert.ok(node?.kind === 'scalar')
  return { value: node.value, written: node.written }
}

test('beside a reference of decK nothing in a Kong file becomes one of the native form', () => {
  assert.deepEqual(resolved(`x ${deck('DECK_A')} y`), { value: 'x one y', written: `x \${env:DECK_A} y` })
  assert.deepEqual(resolved(`\${file:/etc/passwd} ${deck('DECK_A')} \${env:B}`), {
    value: `\${file:/etc/passwd} one \${env:B}`,
    written: `$\${file:/etc/passwd} \${env:DECK_A} $\${env:B}`,
  })
  assert.deepEqual(resolved(`cost $${deck('DECK_A')}`), { value: 'cost $one', written: null })
  assert.deepEqual(resolved(`\${env:B}`), { value: `\${env:B}`, written: null })
  assert.deepEqual(resolved('{vault://env/b}'), { value: 'two', written: `\${env:B}` })
})
