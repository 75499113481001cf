import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSecretName, shownFields, shownTarget } from './redact.ts'

const SECRETS: ReadonlySet<string> = new Set(['header:x-partner', 'query:k'])
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

test('the id of a credential is shown, and what else is named after one is not', () => {
  for (const name of ['x-credential-id', 'x-credential-identifier', 'Access-Control-Allow-Credentials'])
    assert.equal(isSecretName(name), false, name)
  for (const name of ['x-credential', 'x-credential-idx', 'credentials', 'x-credential-id-token', 'x-allow-credentials'])
    assert.equal(isSecretName(name), true, name)
})

test('fields that hold credentials are hidden, by their names or by what the configuration says', () => {
  const hidden = [
    'Authorization',
    'proxy-authorization',
    'Cookie',
    'X-API-Key',
    'X_Api_Key',
    'X-Auth-Token',
    'X-CSRF-Token',
    'Signature',
    'X-Amz-Security-Token',
    'X-Session',
    'X-Client-Secret',
    'X-Partner',
    'Turnpike-Debug',
  ]
  for (const name of hidden) assert.deepEqual(shownFields(`${name}: the value\r\n`, SECRETS), [[name, '***']], name)
  for (const name of ['Accept', 'Host', 'User-Agent', 'X-Beta', 'If-None-Match', 'X-Monkey', 'X-Keyboard'])
    assert.deepEqual(shownFields(`${name}: the value\r\n`, SECRETS), [[name, 'the value']], name)
})

test('tokens are hidden under any name, and credentials in URLs', () => {
  assert.deepEqual(shownFields(`X-Thing: a ${JWT} b\r\nReferer: https://h/p?code=1&page=2\r\n`, SECRETS), [
    ['X-Thing', 'a *** b'],
    ['Referer', 'https://h/p?code=***&page=2'],
  ])
})

test('of a target, values of sensitive parameters are hidden and all else is as it came', () => {
  const cases: [string, string][] = [
    ['/a', '/a'],
    ['/a?', '/a?'],
    ['/a?x=1&y', '/a?x=1&y'],
    ['/a?k=1&K=2', '/a?k=***&K=2'],
    ['/a?access_token=1&x=2', '/a?access_token=***&x=2'],
    ['/a?api%5Fkey=1', '/a?api%5Fkey=***'],
    ['/a?pass%77ord=1&page=3', '/a?pass%77ord=***&page=3'],
    ['/a?%zz=1&sig=2', '/a?%zz=1&sig=***'],
    ['/a?=1&&token=', '/a?=1&&token=***'],
    [`/a/${JWT}?x=${JWT}`, '/a/***?x=***'],
  ]
  for (const [target, shown] of cases) assert.equal(shownTarget(target, SECRETS), shown, target)
})
