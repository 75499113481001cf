import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NativeNames } from './native-names.ts'

const ID = '0b7f15dd-0560-57b8-87ac-0cb40aabe34a'

test('names that the native form takes stay as they are, and others get part of the id', () => {
  const names = new NativeNames(['taken'])
  assert.equal(names.take('orders.v1', ID), 'orders.v1')
  assert.equal(names.take('orders.v1', ID), 'orders.v1-0b7f15dd')
  assert.equal(names.take('taken', ID), 'taken-0b7f15dd')
  assert.equal(names.take('käse', ID), 'k_se-0b7f15dd')
  assert.equal(names.take('.a', ID), '_.a-0b7f15dd')
  assert.equal(names.take(null, ID), ID)
})

test('no entity is called as what no map can have for a key', () => {
  const names = new NativeNames()
  assert.equal(names.take('__proto__', ID), '__proto__-0b7f15dd')
  assert.equal(names.take('constructor', ID), 'constructor')
})
