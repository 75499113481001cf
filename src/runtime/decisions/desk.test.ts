import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Explanation, RequestOrigin } from '../explain.ts'
import { DecisionDesk, type DecisionDeskParts } from './desk.ts'
import { irOf, logWith, passThrough, received, snapshotOf } from './testing.ts'

const ir = await irOf('services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { one: { path: /*, service: s } }')
const DESCRIBED = { method: 'GET', url: '/a', headers: ['Host: shop.example'] }
const ORIGIN: RequestOrigin = { peerAddress: '192.0.2.1', listener: null, scheme: null }

const EXPLANATION: Explanation = {
  request: { method: 'GET', authority: 'shop.example', target: '/a', path: '/a', listener: 'l', scheme: 'http' },
  route: null,
  nearMisses: [],
  policies: [],
  answer: null,
  service: null,
}

test('requests are judged one after the other, and who would wait too long is told so', async () => {
  const gate = Promise.withResolvers<void>()
  let atOnce = 0
  let most = 0
  const explain = async (): Promise<Explanation> => {
    most = Math.max(most, ++atOnce)
    await gate.promise
    atOnce--
    return EXPLANATION
  }
  const desk = new DecisionDesk({ ask: async () => [], explain })
  desk.remember(ir)
  const judged = Array.from({ length: 8 }, () => desk.judge(DESCRIBED, ORIGIN))
  assert.deepEqual(await desk.judge(DESCRIBED, ORIGIN), { problem: 'too many requests wait to be judged', isBusy: true })
  gate.resolve()
  for (const one of await Promise.all(judged)) assert.ok('explanation' in one)
  assert.equal(most, 1)
  assert.ok('explanation' in (await desk.judge(DESCRIBED, ORIGIN)), 'there is room again')
})

test('a request that could not be judged keeps no other from it', async () => {
  let isBroken = true
  const explain = async (): Promise<Explanation> => {
    if (isBroken) throw new Error('the policy x failed')
    return EXPLANATION
  }
  const desk = new DecisionDesk({ ask: async () => [], explain })
  desk.remember(ir)
  await assert.rejects(desk.judge(DESCRIBED, ORIGIN), /the policy x failed/)
  isBroken = false
  assert.ok('explanation' in (await desk.judge(DESCRIBED, ORIGIN)))
})

test('a listener that is not there, or speaks something else, judges nothing', async () => {
  const desk = new DecisionDesk({ ask: async () => [], explain: () => assert.fail('nothing is explained') })
  assert.deepEqual(await desk.judge(DESCRIBED, ORIGIN), { problem: 'no configuration is in force yet', isBusy: true })
  desk.remember(ir)
  const name = ir.listeners[0]?.name ?? ''
  const cases: [Partial<RequestOrigin>, string][] = [
    [{ listener: 'nobody' }, `there is no listener "nobody"; there is ${name}`],
    [{ listener: name, scheme: 'https' }, `the listener ${name} speaks http`],
  ]
  for (const [origin, problem] of cases) assert.deepEqual(await desk.judge(DESCRIBED, { ...ORIGIN, ...origin }), { problem, isBusy: false })
  assert.deepEqual(await desk.judge({ ...DESCRIBED, method: 'G T' }, ORIGIN), { problem: '"G T" is no method', isBusy: false })
})

test('a near miss tells nothing of a field or parameter that policies take credentials from', async () => {
  const keyed = await irOf(`services: { s: { targets: ["127.0.0.1:1"] } }
routes:
  inner: { path: /inner, service: s, headers: { X-Partner: sesame }, policies: { api-key: { from: [header:X-Partner, query:k] } } }
  other: { path: /inner, service: s, query: { k: sesame } }`)
  const log = logWith()
  const unknown = received({ path: '/inner', query: 'k=guess-1', headers: [['x-partner', 'guess-2']], requestId: 'q' })
  passThrough(log, snapshotOf(keyed), unknown)
  const ask: DecisionDeskParts['ask'] = async (query) => [{ worker: 1, decisions: log.find(query) }]
  const desk = new DecisionDesk({ ask, explain: () => assert.fail('nothing is explained') })
  desk.remember(keyed)
  const found = await desk.find('q')
  assert.ok(found.found && found.nearMisses !== null)
  assert.deepEqual(found.nearMisses.map(({ message }) => message).sort(), [
    'header x-partner: not as expected; its value is hidden',
    'query k: not as expected; its value is hidden',
  ])
  assert.doesNotMatch(JSON.stringify(found), /guess|sesame/)
})

test('between two requests that are judged, others have their turn', async () => {
  let turns = 0
  const turnsBefore: number[] = []
  const explain = async (): Promise<Explanation> => {
    turnsBefore.push(turns)
    return EXPLANATION
  }
  const desk = new DecisionDesk({ ask: async () => [], explain })
  desk.remember(ir)
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await Promise.all(Array.from({ length: 4 }, () => desk.judge(DESCRIBED, ORIGIN)))
  isOver = true
  assert.equal(new Set(turnsBefore).size, 4, `turns before each: ${turnsBefore.join(' ')}`)
})
