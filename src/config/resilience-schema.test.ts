import assert from 'node:assert/strict'
import { test } from 'node:test'
import { health } from './resilience-schema.ts'

/** What is wrong with an active check; empty for nothing. */
function problemsOf(active: unknown): string[] {
  return health.safeParse({ active }).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
}

test('the body of a check is a text, or an expression that is one', () => {
  assert.deepEqual(problemsOf({ body: 'ok(' }), [])
  assert.deepEqual(problemsOf({ body: '~ok(ay)?' }), [])
  assert.match(problemsOf({ body: '~ok(' }).join(), /^active\.body: .*missing closing \)/)
})

test('a check sends no header that frames its request or says whom it is for', () => {
  assert.deepEqual(problemsOf({ headers: { 'X-Check': 'yes', Authorization: 'Bearer a' } }), [])
  for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'Upgrade']) {
    assert.deepEqual(problemsOf({ headers: { [name]: '1' } }), [`active.headers.${name}: Invalid key in record`])
  }
})
