import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { normalisePath } from '../../core/path.ts'
import { type PathTemplate, parseTemplate, variableValue } from './template.ts'

function parsed(text: string): PathTemplate {
  const template = parseTemplate(text)
  if ('problem' in template) throw new Error(template.problem)
  return template
}

test('a template is segments, variables over some of them, and a verb', () => {
  assert.deepEqual(parsed('/v1/{name=shelves/*/books/**}:read'), {
    text: '/v1/{name=shelves/*/books/**}:read',
    segments: [{ literal: 'v1' }, { literal: 'shelves' }, '*', { literal: 'books' }, '**'],
    variables: [{ fieldPath: ['name'], start: 1, end: null, isSingle: false }],
    verb: 'read',
  })
  assert.deepEqual(parsed('/{a}/*/{b.c=*}/{d=x}').variables, [
    { fieldPath: ['a'], start: 0, end: 1, isSingle: true },
    { fieldPath: ['b', 'c'], start: 2, end: 3, isSingle: true },
    { fieldPath: ['d'], start: 3, end: 4, isSingle: false },
  ])
})

test('literal text is brought into the form that paths of requests have', () => {
  assert.deepEqual(parsed('/k%c3%a4se/%41/käse').segments, [{ literal: 'k%C3%A4se' }, { literal: 'A' }, { literal: 'k%C3%A4se' }])
})

test('what is no template is told with the place', () => {
  const problems = {
    'v1/x': 'expected `/`, at character 1',
    '/': 'expected a segment, at character 2',
    '/v1//x': 'expected a segment, at character 5',
    '/v1/': 'expected a segment, at character 5',
    '/v1/{}': 'expected the name of a field, at character 6',
    '/v1/{name': 'expected `}`, at character 10',
    '/v1/{name={x}}': 'a variable holds no other, at character 11',
    '/v1/**/x': '`**` is the last segment, at character 8',
    '/v1/{a=**}/{b}': '`**` is the last segment, at character 12',
    '/v1/x:y:z': 'unexpected `:`, at character 8',
    '/v1/x:': 'expected a segment, at character 7',
    '/v1/../x': '`..` is no segment that a request can have, at character 7',
    '/v1/x?q': 'unexpected `?`, at character 6',
    '/v1/{name}x': 'unexpected `x`, at character 11',
    '/v1/x%': '`x%` is no segment that a request can have, at character 7',
  }
  for (const [text, problem] of Object.entries(problems)) assert.deepEqual(parseTemplate(text), { problem }, text)
  assert.deepEqual(parseTemplate(`/${'a'.repeat(2_048)}`), { problem: 'a path template has at most 2048 characters' })
})

/** The value of the only variable of a template. */
function valueIn(template: string, path: string): string | null {
  const [variable] = parsed(template).variables
  assert.ok(variable)
  return variableValue(variable, path.slice(1).split('/'))
}

test('one segment is decoded as a whole, of several an encoded slash stays', () => {
  assert.equal(valueIn('/v1/{name}', '/v1/a%2Fb%20c%3A'), 'a/b c:')
  assert.equal(valueIn('/v1/{name=*}', '/v1/a%2Fb'), 'a/b')
  assert.equal(valueIn('/v1/{name=shelves/*}', '/v1/shelves/a%2Fb%20c'), 'shelves/a%2Fb c')
  assert.equal(valueIn('/v1/{name=**}', '/v1/a/b%2Fc/d%3F'), 'a/b%2Fc/d?')
  assert.equal(valueIn('/v1/{name=**}', '/v1'), '')
  assert.equal(valueIn('/v1/{name}', '/v1/%FF'), null)
  assert.equal(valueIn('/v1/{name=**}', '/v1/a/%C3'), null)
})

test('what a client encodes as the standard says comes out as it went in', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => value.isWellFormed() && value !== '.' && value !== '..')
  fc.assert(
    fc.property(text, (value) => {
      const path = normalisePath(`/v1/${encodeURIComponent(value)}`)
      // What could climb out of its folder, and NUL, is refused before.
      if (path === null) return
      assert.equal(valueIn('/v1/{name}', path), value)
    }),
    { seed: 6, numRuns: 500 },
  )
})
