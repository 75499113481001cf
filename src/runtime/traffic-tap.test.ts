import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TappedExchange } from '../core/tap.ts'
import { irOf, received, StillClock, snapshotOf } from './decisions/testing.ts'
import { TrafficTap } from './traffic-tap.ts'

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

test('a tap tells neither the query nor a token in the path', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { unmatched } = snapshotOf(await irOf('services: { s: { targets: ["127.0.0.1:1"] } }'))
  const told: TappedExchange[] = []
  const tap = new TrafficTap(new StillClock(), (exchanges) => told.push(...exchanges))
  tap.use([{ ratio: 1 }])
  tap.add(received({ path: `/reset/${JWT}/now`, query: 'token=secret' }), unmatched, { status: 200, error: null, durationMs: 1 })
  t.mock.timers.tick(100)
  assert.deepEqual(
    told.map(({ path }) => path),
    ['/reset/***/now'],
  )
  assert.doesNotMatch(JSON.stringify(told), /secret|eyJ/)
})
