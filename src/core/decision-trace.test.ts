import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecisionTrace, NOTE_CHARS_MAX } from './decision-trace.ts'
import { type StepFacts, textOf } from './trace.ts'

function step(kind: string): StepFacts {
  return { policy: { kind, mode: 'enforce', scope: 'everywhere', at: { file: 'x', line: 1, column: 1 } }, phase: 'request' }
}

const [A, B, C] = [step('a'), step('b'), step('c')]

function run(trace: DecisionTrace, ...steps: StepFacts[]): readonly StepFacts[] {
  trace.start()
  for (const one of steps) trace.begin(one)
  return trace.takeSteps()
}

test('the same steps in the same order are one array for all records; others leave it as it was', () => {
  const trace = new DecisionTrace()
  const first = run(trace, A, B, C)
  assert.equal(run(trace, A, B, C), first)
  assert.deepEqual(run(trace, A, C), [A, C])
  assert.deepEqual(run(trace, A), [A])
  assert.deepEqual(run(trace), [])
  assert.deepEqual(run(trace, B, A, C, C), [B, A, C, C])
  assert.deepEqual(first, [A, B, C])
})

test('steps that go on after they were taken in the middle do not change what was taken', () => {
  const trace = new DecisionTrace()
  trace.start()
  trace.begin(A)
  const taken = trace.takeSteps()
  trace.begin(B)
  assert.deepEqual(trace.takeSteps(), [A, B])
  assert.deepEqual(taken, [A])
})

test('an exchange that was never recorded leaves nothing to the next', () => {
  const trace = new DecisionTrace()
  trace.start()
  trace.begin(A)
  trace.note('left')
  trace.end(A, '401')
  assert.deepEqual(run(trace, B), [B])
  assert.deepEqual([trace.takeNotes(), trace.answers], [[], null])
})

test('notes belong to the step that runs, and are bounded in number and length; so are steps and answers', () => {
  const trace = new DecisionTrace()
  trace.start()
  trace.note('before any')
  trace.begin(A)
  trace.note('x'.repeat(10_000))
  trace.note({ render: () => 'made late' })
  for (let i = 0; i < 1_000; i++) {
    trace.begin(B)
    trace.note('again')
    trace.end(B, '429')
  }
  const notes = trace.takeNotes()
  assert.deepEqual(
    notes.slice(0, 3).map((note) => note.step),
    [null, A, A],
  )
  assert.equal(textOf(notes[1]?.note ?? '', null).length, NOTE_CHARS_MAX + 1)
  assert.equal(textOf(notes[2]?.note ?? '', null), 'made late')
  assert.equal(notes.length, 32)
  assert.equal(trace.answers?.length, 16)
  assert.equal(trace.takeSteps().length, 128)
})

test('a step that ended without an answer is no answer', () => {
  const trace = new DecisionTrace()
  trace.start()
  trace.end(A, null)
  assert.equal(trace.answers, null)
})

test('the same notes are one array for all records; others leave it as it was', () => {
  const trace = new DecisionTrace()
  const noted = (...notes: string[]): readonly unknown[] => {
    trace.start()
    trace.begin(A)
    for (const note of notes) trace.note(note)
    return trace.takeNotes()
  }
  const first = noted('a', 'b')
  assert.equal(noted('a', 'b'), first)
  assert.notEqual(noted('a', 'c'), first)
  assert.deepEqual(noted('a'), [{ step: A, note: 'a' }])
  assert.deepEqual(noted(), [])
  assert.deepEqual(first, [
    { step: A, note: 'a' },
    { step: A, note: 'b' },
  ])
})
