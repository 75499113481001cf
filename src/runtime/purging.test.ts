import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResponseStore } from '../core/response-store.ts'
import type { StoreName, Stores } from '../core/store.ts'
import { PurgedStores } from './purging.ts'

const ALL = { kind: 'all' } as const
const TAG = { kind: 'tag', tag: 't' } as const

/** Stores that note what they are told; one of them can be ill. */
function stores(ill: StoreName | null = null) {
  const told: string[] = []
  const store = (name: StoreName): ResponseStore => ({
    lookup: () => assert.fail('nothing is looked up'),
    invalidate: () => assert.fail('nothing is invalidated'),
    purge: ({ kind }) => {
      told.push(`${name} ${kind}`)
      if (name === ill) throw new Error(`${name} is ill`)
    },
  })
  const opened: Stores = {
    limits: () => assert.fail('no limits are asked for'),
    values: () => assert.fail('no values are asked for'),
    responses: store,
  }
  return { made: new PurgedStores(opened), told }
}

test('a purge opens no store, and goes to those that policies keep responses in', async () => {
  const { made, told } = stores()
  assert.deepEqual(await made.purge([ALL], true), [])
  made.responses('memory')
  made.responses('memory')
  assert.deepEqual(await made.purge([ALL, TAG], true), ['memory'])
  assert.deepEqual(told, ['memory all', 'memory tag'])
})

test('what workers share is purged only where that is asked for, and told of nevertheless', async () => {
  const { made, told } = stores()
  made.responses('memory')
  made.responses('redis')
  assert.deepEqual(await made.purge([ALL], false), ['memory', 'redis'])
  assert.deepEqual(told, ['memory all'])
  assert.deepEqual(await made.purge([ALL], true), ['memory', 'redis'])
  assert.deepEqual(told, ['memory all', 'memory all', 'redis all'])
})

test('one store that fails keeps no other from being purged, and is told', async () => {
  const { made, told } = stores('memory')
  made.responses('memory')
  made.responses('redis')
  await assert.rejects(made.purge([ALL], true), /memory is ill/)
  assert.deepEqual(told, ['memory all', 'redis all'])
})
