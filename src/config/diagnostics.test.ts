import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Problem, renderProblems } from './diagnostics.ts'

function problem(file: string, line: number, column: number, message: string, severity: Problem['severity'] = 'error'): Problem {
  return { severity, location: { file, line, column }, message }
}

test('problems are sorted by place and shown with their line and a caret', () => {
  const sources = new Map([['b.yaml', 'one\n\ttwo: 2\n']])
  const text = renderProblems([problem('b.yaml', 2, 7, 'wrong'), problem('b.yaml', 1, 1, 'odd', 'warning'), problem('a.yaml', 9, 1, 'x')], {
    sources,
  })
  assert.equal(
    text,
    [
      'a.yaml:9:1: error: x',
      'b.yaml:1:1: warning: odd',
      '  1 | one',
      '    | ^',
      'b.yaml:2:7: error: wrong',
      '  2 | \ttwo: 2',
      '    | \t     ^',
    ].join('\n'),
  )
})

test('a long line is shown around its column', () => {
  const sources = new Map([['a', `${'x'.repeat(1_000)}HERE${'y'.repeat(1_000)}`]])
  const [, line = '', caret = ''] = renderProblems([problem('a', 1, 1_001, 'm')], { sources }).split('\n')
  assert.ok(line.length < 180)
  assert.equal(line.slice(caret.indexOf('^')).slice(0, 4), 'HERE')
})

test('what is told fits a narrow terminal, with the caret below what is meant and something of it to be seen', () => {
  const source = `${'x'.repeat(55)}HERE${'y'.repeat(200)}HERE`
  for (const column of [56, 260]) {
    const [, line = '', caret = ''] = renderProblems([problem('a', 1, column, 'm')], {
      sources: new Map([['a', source]]),
      width: 70,
    }).split('\n')
    assert.ok(line.length <= 70 && caret.length <= 70)
    assert.equal(line.slice(caret.indexOf('^')).slice(0, 4), 'HERE')
  }
})

test('control characters of a file never reach the terminal', () => {
  const sources = new Map([['a', 'k: \u001b[2J\u0007']])
  const text = renderProblems([problem('a', 1, 1, 'key `\u001b[31m`')], { sources })
  assert.doesNotMatch(text, /[^\P{Cc}\n]/u)
})

test('colour is only added when it is asked for', () => {
  assert.ok(renderProblems([problem('a', 1, 1, 'm')], { colour: true }).includes('\u001b[31m'))
})
