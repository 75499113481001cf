import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, nearest } from './nearest.ts'

test('the nearest word is near, or there is none', () => {
  assert.equal(nearest('timout', ['path', 'timeout']), 'timeout')
  assert.equal(nearest('retyr', ['retry']), 'retry')
  assert.equal(nearest('strip_prefix', ['strip-prefix']), 'strip-prefix')
  assert.equal(nearest('connectionsmax', ['connectionsMax']), 'connectionsMax')
  assert.equal(nearest('xyz', ['path']), null)
  assert.equal(nearest('ab', ['cd']), null)
  assert.equal(nearest('', ['a']), null)
})

test('a name that is near is offered', () => {
  assert.equal(didYouMean('mobil-app', new Set(['mobile-app', 'web'])), '; did you mean `mobile-app`?')
  assert.equal(didYouMean('partner', ['mobile-app']), '')
})
