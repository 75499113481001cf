/** What the memory of responses has beyond the contract of all such stores: its bounds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { systemClock } from '../../core/clock.ts'
import { Headers } from '../../core/headers.ts'
import type { ResponseKey, StoredResponse } from '../../core/response-store.ts'
import { testContext } from '../../policies/testing.ts'
import { LeastRecent, type Ranked } from './least-recent.ts'
import { PurgeRecord } from './purge-record.ts'
import { MemoryResponses } from './responses.ts'

const NONE = Headers.from([])

function keyOf(path: string): ResponseKey {
  return { host: 'a.example', path, query: '', part: 'p' }
}

class World {
  nowMs = 1_000_000
  readonly values: Record<string, number> = {}
  readonly store: MemoryResponses

  constructor(bytesMax: number) {
    const add = (name: string) => ({
      set: () => assert.fail('several workers add theirs'),
      add: (amount: number) => {
        this.values[name] = (this.values[name] ?? 0) + amount
      },
    })
    this.store = new MemoryResponses(
      bytesMax,
      { ...systemClock, epochMs: () => this.nowMs },
      { ...testContext.metrics, counter: add, gauge: add },
    )
  }

  put(path: string, change: Partial<StoredResponse> = {}, headers = NONE): boolean {
    const response: StoredResponse = {
      status: 200,
      head: Headers.from([['X-A', '1']]).clone(),
      body: Buffer.alloc(1_000),
      vary: [],
      tags: [],
      receivedAtMs: this.nowMs,
      initialAgeMs: 0,
      lifetimeMs: 60_000,
      neverStale: false,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      keepUntilMs: this.nowMs + 60_000,
      memo: null,
      ...change,
    }
    return this.store.lookup(keyOf(path), headers).put(response, headers)
  }

  has(path: string, headers = NONE): boolean {
    return this.store.lookup(keyOf(path), headers).response !== null
  }
}

test('what was not asked for the longest makes room, and the bytes never go beyond their bound', () => {
  const world = new World(10_000)
  for (const path of ['/1', '/2', '/3', '/4']) assert.equal(world.put(path), true)
  assert.equal(world.has('/1'), true)
  world.put('/5')
  assert.deepEqual(
    ['/1', '/2', '/3', '/4', '/5'].map((path) => world.has(path)),
    [true, false, true, true, true],
  )
  assert.equal(world.values['gateway_cache_evicted_total'], 1)
  assert.equal(world.values['gateway_cache_entries'], 4)
  assert.ok((world.values['gateway_cache_bytes'] ?? 0) <= 10_000)
})

test('names, tags, key and fields count as well as the body, and what has no room at all is not kept', () => {
  const world = new World(10_000)
  assert.equal(world.put('/1', { body: Buffer.alloc(10_000) }), false)
  assert.equal(world.put(`/${'x'.repeat(5_000)}`, { body: Buffer.alloc(0) }), false)
  assert.equal(world.put('/1', { tags: ['x'.repeat(5_000)], body: Buffer.alloc(0) }), false)
  assert.equal(world.put('/1', { head: Headers.from([['X-A', 'x'.repeat(9_000)]]).clone() }), false)
  assert.equal(world.values['gateway_cache_entries'] ?? 0, 0)
})

test('whatever is kept, replaced, over, purged and closed, the numbers agree with what is there', () => {
  const command = fc.oneof(
    fc.record({ put: fc.nat(9), bytes: fc.nat(3_000), vary: fc.boolean(), keptMs: fc.nat(50) }),
    fc.record({ look: fc.nat(9) }),
    fc.record({ invalidate: fc.nat(9) }),
    fc.record({ pass: fc.nat(20) }),
  )
  const property = fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
    const world = new World(12_000)
    for (const step of commands) {
      if ('put' in step) {
        const change = { body: Buffer.alloc(step.bytes), vary: step.vary ? ['x-a'] : [], keepUntilMs: world.nowMs + step.keptMs }
        world.put(`/${step.put}`, change, Headers.from([['X-A', `${step.bytes % 3}`]]))
      } else if ('look' in step) world.has(`/${step.look}`)
      else if ('invalidate' in step) world.store.invalidate('a.example', `/${step.invalidate}`, '')
      else world.nowMs += step.pass
      assert.ok((world.values['gateway_cache_bytes'] ?? 0) <= 12_000)
    }
    world.store.close()
    assert.deepEqual([world.values['gateway_cache_bytes'] ?? 0, world.values['gateway_cache_entries'] ?? 0], [0, 0])
  })
  fc.assert(property, { numRuns: 300 })
})

test('the order of use is kept through any adding, using and removing', () => {
  interface Item extends Ranked<Item> {
    readonly id: number
  }
  fc.assert(
    fc.property(fc.array(fc.record({ act: fc.constantFrom('add', 'touch', 'remove'), at: fc.nat(20) }), { maxLength: 100 }), (acts) => {
      const list = new LeastRecent<Item>()
      const model: Item[] = []
      for (const [i, { act, at }] of acts.entries()) {
        const item = model[at % Math.max(1, model.length)]
        if (act === 'add') {
          const added: Item = { id: i, newer: null, older: null }
          list.add(added)
          model.push(added)
        } else if (item !== undefined) {
          model.splice(model.indexOf(item), 1)
          if (act === 'touch') model.push(item)
          if (act === 'touch') list.touch(item)
          else list.remove(item)
        }
        const found: number[] = []
        for (let next = list.oldest; next !== null; next = next.newer) found.push(next.id)
        assert.deepEqual(
          found,
          model.map(({ id }) => id),
        )
      }
    }),
  )
})

test('a record of purges that is full counts what it has dropped as having meant everything', () => {
  const record = new PurgeRecord()
  const key = keyOf('/a')
  const before = record.version
  record.note({ kind: 'tag', tag: 'x' })
  assert.equal(record.isPurgedSince(before, 'uri', key, ['y']), false)
  assert.equal(record.isPurgedSince(before, 'uri', key, ['x']), true)
  for (let i = 0; i < 255; i++) record.note({ kind: 'tag', tag: `${i}` })
  assert.equal(record.isPurgedSince(before, 'uri', key, ['y']), false)
  record.note({ kind: 'tag', tag: 'last' })
  assert.equal(record.isPurgedSince(before, 'uri', key, ['y']), true)
  assert.equal(record.isPurgedSince(record.version, 'uri', key, ['last']), false)
})

test('a purge of one URI is remembered for it, however many others follow', () => {
  const record = new PurgeRecord()
  const before = record.version
  record.noteUri('a.example/a')
  for (let i = 0; i < 10_000; i++) record.noteUri(`a.example/${i}`)
  assert.equal(record.isPurgedSince(before, 'a.example/a', keyOf('/a'), []), true)
})
