import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migratePath } from './migrate.ts'

const PATHS: readonly (readonly [string, string])[] = [
  ['/users', '/users'],
  ['/users/v1.2_a~b-c', '/users/v1.2_a~b-c'],
  ['/a%20b/%7Ec', '/a%20b/~c'],
  ['/users/\\d+$', '~/users/\\d+$'],
  ['/(a|b)', '~/(a|b)'],
  ['/a+b', '~/a+b'],
  ['/a%2Eb/\\d', '~/a\\.b/\\d'],
  ['/a%2fb/\\d', '~/a%2Fb/\\d'],
  ['/%41/\\d', '~/A/\\d'],
]

for (const [before, after] of PATHS) {
  test(`2.1 the path ${before} of the format 2.1 is ${after} of 3.0`, () => assert.equal(migratePath(before), after))
}
