import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResourceRegistry } from './resources.ts'

class Thing {
  closed = 0

  close(): void {
    this.closed++
  }
}

test('a resource lives on while the configuration in force asks for it, and is closed once when none does', () => {
  const registry = new ResourceRegistry()
  const first = registry.lease()
  const kept = first.keep('a', () => new Thing())
  const dropped = first.keep('b', () => new Thing())
  assert.equal(
    first.keep('a', () => new Thing()),
    kept,
  )
  first.commit()
  const second = registry.lease()
  assert.equal(
    second.keep('a', () => new Thing()),
    kept,
  )
  assert.deepEqual([kept.closed, dropped.closed], [0, 0])
  second.commit()
  assert.deepEqual([kept.closed, dropped.closed], [0, 1])
  registry.close()
  assert.deepEqual([kept.closed, dropped.closed], [1, 1])
})

test('a configuration that never comes into force closes only what it alone made', () => {
  const registry = new ResourceRegistry()
  const first = registry.lease()
  const kept = first.keep('a', () => new Thing())
  first.commit()
  const second = registry.lease()
  second.keep('a', () => new Thing())
  const own = second.keep('b', () => new Thing())
  second.abandon()
  assert.deepEqual([kept.closed, own.closed], [0, 1])
})
