import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileMediaTypes, MEDIA_RANGE } from './media-types.ts'

test('types count with exactly their parameters, in any order', () => {
  const isOne = compileMediaTypes(['application/json', 'text/html; charset=utf-8; v="1"', 'image/*'])
  for (const type of ['application/json', 'Application/JSON', ' application/json ;', 'text/html;V=1;charset="UTF-8"', 'image/png'])
    assert.equal(isOne(type), true, type)
  assert.equal(isOne(undefined), false)
  for (const type of [
    '',
    'json',
    'application/json; charset=utf-8',
    'text/html',
    'text/html; charset=utf-8',
    'text/html; charset=utf-8; v=2',
    'image/png; q=1',
    'application/json, application/json',
    'text/html; charset',
  ])
    assert.equal(isOne(type), false, type)
  assert.equal(compileMediaTypes(['*/*'])('a/b'), true)
  assert.equal(compileMediaTypes(undefined)(undefined), true)
})

test('a quoted value may hold what separates parameters', () => {
  const isOne = compileMediaTypes(['multipart/mixed; boundary="a;b=c"'])
  assert.equal(isOne('multipart/mixed; boundary="a;b=c"'), true)
  assert.equal(isOne('multipart/mixed; boundary=a; b=c'), false)
  assert.equal(MEDIA_RANGE.test('a/b; c="d'), false)
})
