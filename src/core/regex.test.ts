import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RE2JS } from 're2js'
import { type Anchor, compileEcmaRegex, compileRegex, isLiteral, literalPrefix, type Regex } from './regex.ts'

function compile(source: string, anchor: Anchor): Regex {
  const regex = compileRegex(source, anchor)
  if ('problem' in regex) throw new Error(regex.problem)
  return regex
}

test('an expression is anchored as it is asked to be', () => {
  assert.equal(compile('b', 'start').test('ab'), false)
  assert.equal(compile('a', 'start').test('ab'), true)
  assert.equal(compile('a|b', 'start').test('cb'), false, 'an alternative does not escape the anchor')
  assert.equal(compile('a', 'both').test('ab'), false)
  assert.equal(compile('(?m)a$', 'both').test('a\nb'), false, 'a flag does not move the end')
  assert.equal(compile('b', 'none').test('abc'), true)
})

test('what does not parse, is too large or would undo the anchor is told', () => {
  for (const source of ['(', 'a)(b', '(?=a)', '\\1', '\\Qabc', 'x'.repeat(2_000), '(a{100}){100}']) {
    assert.ok('problem' in compileRegex(source, 'start'), source)
  }
  assert.ok('test' in compileRegex('\\\\Q', 'start'), 'an escaped backslash before a Q is no quotation')
})

test('named groups are captured, those that took no part are absent', () => {
  const regex = compile('/(?<a>x)?(?P<b>y+)', 'start')
  assert.deepEqual([...(regex.captures('/yy') ?? [])], [['b', 'yy']])
  assert.equal(regex.captures('/z'), null)
})

test('a replacement names groups by number and by name, and nothing else is special', () => {
  const regex = compile('/a/(\\d+)/(?<rest>.*)', 'start')
  assert.equal(regex.replaceFirst('/a/1/x$1', '/b/$<rest>/$1/$$1/$9/$<no>/$&'), '/b/x$1/1/$1///$&')
  assert.equal(regex.replaceFirst('/b', '/c'), null)
})

test('plain text from the start is an expression like any other', () => {
  const regex = compile('/a\\.b', 'start')
  assert.deepEqual([regex.test('/a.bc'), regex.test('/axb'), regex.matchEnd('/a.bc'), regex.matchEnd('/')], [true, false, 4, -1])
  assert.deepEqual([regex.captures('/a.b')?.size, regex.captures('/'), regex.groupNames], [0, null, []])
  assert.equal(regex.replaceFirst('/a.bc', '/$0/$1$$$<n>'), '//a.b/$c')
  assert.equal(regex.replaceFirst('/', 'x'), null)
  assert.equal(compile('/v[0-9]+', 'start').matchEnd('/v12/x'), 4)
})

test('every match begins with the literal prefix', () => {
  const source = fc
    .array(fc.constantFrom('a', 'b', '/', '\\.', '\\d', '.', '?', '*', '+', '{0,1}', '|', '(a)', '(?:b)?', '[ab]', '(?i)', '^', '$', '-'), {
      maxLength: 7,
    })
    .map((parts) => parts.join(''))
  const path = fc.array(fc.constantFrom('a', 'b', '/', '.', '1', 'A', '-'), { maxLength: 7 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(source, path, (source, path) => {
      const regex = compileRegex(source, 'start')
      if ('problem' in regex) return
      if (isLiteral(source)) assert.equal(RE2JS.compile(`^(?:${source})`).test(path), regex.test(path), `${source} is plain text`)
      if (!regex.test(path)) return
      assert.ok(path.startsWith(literalPrefix(source)), `${source} takes ${path}`)
    }),
    { numRuns: 5_000 },
  )
  assert.equal(literalPrefix('/api/v\\d+'), '/api/v')
  for (const source of ['/a(?i)*', '/a+(?i)*', '/a+?(?i){0,1}'])
    assert.equal(literalPrefix(source), '', 'the repetition reaches over the flags')
  assert.equal(literalPrefix('^/a\\.json$'), '/a.json')
  assert.deepEqual(["/a'\\|\\.b", '/a', '', '/a+', '/a$', '/a|b', '/\\d'].map(isLiteral), [true, true, true, false, false, false, false])
})

test('expressions in the syntax of ECMAScript mean what they mean there', () => {
  const matches = (source: string, text: string) => {
    const regex = compileEcmaRegex(source)
    return 'problem' in regex ? regex.problem : regex.test(text)
  }
  for (const [source, yes, no] of [
    ['^\\u00e9+$', 'éé', 'e'],
    ['^[\\w\\-]+$', 'a-b', 'a b'],
    ['a\\/b', 'xa/bx', 'ab'],
    ['^(?<n>a)[^]$', 'a\n', 'a'],
    ['^\\p{L}+$', 'éa', '1'],
  ] as const) {
    assert.equal(matches(source, yes), true, source)
    assert.equal(matches(source, no), false, source)
  }
  for (const source of ['(?=a)', '(?!a)', '(?<=a)', '(a)\\1', '\\Qa', '(', 'a'.repeat(1_025)]) {
    assert.equal(typeof matches(source, 'a'), 'string', source)
  }
})
