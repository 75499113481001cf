import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../diagnostics.ts'
import { Notes } from './notes.ts'

const AT = { file: 'kong.yml', line: 1, column: 1 }
const RULES = { slots: { fidelity: 'approximated', reason: 'they mean nothing' } } as const

test('what differs in the same way for several entities is told once', () => {
  const notes = new Notes([], false)
  for (const line of [3, 4, 5]) notes.note(`upstream u${line}`, RULES, 'slots', { ...AT, line })
  assert.equal(notes.all.length, 3)
  assert.deepEqual(notes.warnings(), [
    {
      severity: 'warning',
      location: { ...AT, line: 3 },
      message: '`slots` of upstream u3 and 2 more are not quite what Kong does: they mean nothing',
    },
  ])
})

test('what cannot be carried is an error, or each of it is left out with a warning', () => {
  const problems: Problem[] = []
  const strict = new Notes(problems, false)
  assert.equal(strict.unsupported('plugin a', '', AT, 'it is not'), false)
  assert.deepEqual(
    problems.map(({ severity, message }) => [severity, message]),
    [['error', 'plugin a cannot be carried over: it is not (`--skip-unsupported` leaves it out)']],
  )
  assert.deepEqual(strict.warnings(), [])
  const lenient = new Notes(problems, true)
  for (const name of ['a', 'b']) assert.equal(lenient.unsupported(`plugin ${name}`, '', AT, 'it is not'), true)
  assert.deepEqual(
    lenient.warnings().map(({ message }) => message),
    ['plugin a is left out: it is not', 'plugin b is left out: it is not'],
  )
})

test('no more warnings are made than a person reads', () => {
  const notes = new Notes([], true)
  for (let i = 0; i < 1_000; i++) notes.unsupported(`plugin p${i}`, '', AT, 'it is not')
  const warnings = notes.warnings()
  assert.equal(warnings.length, 51)
  assert.match(warnings.at(-1)?.message ?? '', /^and 950 more/)
  assert.equal(notes.all.length, 1_000)
})

test('what is left out is told before all that is not quite the same', () => {
  const notes = new Notes([], true)
  for (let i = 0; i < 60; i++) notes.note('route r', { [`f${i}`]: { fidelity: 'approximated', reason: `it is ${i}` } }, `f${i}`, AT)
  notes.unsupported('plugin oauth2 of route r', '', AT, 'it guards')
  assert.equal(notes.warnings()[0]?.message, 'plugin oauth2 of route r is left out: it guards')
})
