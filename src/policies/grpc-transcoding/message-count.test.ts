import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { frameOf } from './frames.ts'
import { bytesHoldTooMany, jsonHoldsTooMany, MESSAGES_MAX } from './message-count.ts'
import { answer, bytesOf, call, messageNamed, REGISTRY, stepsFor } from './testing.ts'

const ITEM = messageNamed('Item')
/** An Item of `parts` empty parts. */
const itemOf = (parts: number): Buffer => Buffer.concat(Array.from({ length: parts }, () => Buffer.from([0x22, 0])))
const listOf = (length: number, item: string): string => `[${Array.from({ length }, () => item).join(',')}]`

/** A field of a number that has a length. */
function field(number: number, content: Uint8Array): Buffer {
  const head = [(number << 3) | 2]
  let rest = content.length
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, rest]), content])
}

test('JSON of more messages than are made of one body is refused before they are made', async () => {
  const steps = await stepsFor()
  const create = { method: 'POST', path: '/v1/shelves/1/items' }
  const detail = `the body holds more than ${MESSAGES_MAX} values`
  const bodies = [`{"parts":${listOf(MESSAGES_MAX + 2, '{}')}}`, `{"notes":{"a":${listOf(MESSAGES_MAX + 2, '1')}}}`]
  for (const body of bodies) assert.equal((await call(steps, { ...create, body }, ITEM)).reply?.detail, detail)
})

test('JSON counts lists and objects, and where values become messages each value; not what stands in strings', () => {
  const max = MESSAGES_MAX
  assert.equal(jsonHoldsTooMany(listOf(max - 1, '{}'), false), false)
  assert.equal(jsonHoldsTooMany(listOf(max, '{}'), false), true)
  assert.equal(jsonHoldsTooMany(listOf(3 * max, '1'), false), false)
  assert.equal(jsonHoldsTooMany(listOf(3 * max, '1'), true), true)
  // Each value once, whatever is in it.
  assert.equal(jsonHoldsTooMany(listOf(max, '[ ]'), true), false)
  assert.equal(jsonHoldsTooMany(listOf(max + 1, '[ ]'), true), true)
  assert.equal(jsonHoldsTooMany(listOf(max / 2, '[1]'), true), false)
  assert.equal(jsonHoldsTooMany(JSON.stringify('{[,"'.repeat(max)), true), false)
})

test('a service’s message that holds more than are made of one is too large, alone and in a stream', async () => {
  const steps = await stepsFor()
  const body = frameOf(itemOf(MESSAGES_MAX + 1))
  const trailers = { 'grpc-status': '0' }
  const one = await call(steps, { path: '/v1/items/a' })
  assert.match((await answer(steps, one.exchange, { body, trailers })).body, /upstream_body_too_large/)
  const stream = await call(steps, { path: '/v1/shelves/1:watch' })
  await assert.rejects(answer(steps, stream.exchange, { body, trailers }), /more than 100000 messages within one/)
})

test('messages are counted at any depth, in maps, in an Any and in a Struct', () => {
  const many = itemOf(MESSAGES_MAX + 1)
  const any = Buffer.concat([field(1, Buffer.from('type.googleapis.com/shop.v1.Item')), field(2, many)])
  const value = field(6, Buffer.concat(Array.from({ length: MESSAGES_MAX }, () => Buffer.from([0x0a, 2, 0x20, 1]))))
  const entry = field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)]))
  const all: Readonly<Record<string, Buffer>> = {
    itself: many,
    inner: field(4, field(4, many)),
    any: field(6, any),
    struct: field(5, entry),
  }
  for (const [name, bytes] of Object.entries(all)) assert.equal(bytesHoldTooMany(ITEM, bytes, REGISTRY), true, name)
  assert.equal(bytesHoldTooMany(ITEM, itemOf(MESSAGES_MAX), REGISTRY), false)
  assert.equal(bytesHoldTooMany(ITEM, field(1, many), REGISTRY), false)
  assert.equal(bytesHoldTooMany(ITEM, bytesOf('Item', { name: 'a'.repeat(300_000), priceCents: '-1' }), REGISTRY), false)
})

test('counting ends, whatever the bytes are', () => {
  const filler = field(1, Buffer.alloc(200_000))
  const bytes = fc.uint8Array({ maxLength: 200 })
  const property = fc.property(bytes, (some) => {
    assert.equal(bytesHoldTooMany(ITEM, Buffer.concat([some, filler]), REGISTRY), false)
  })
  fc.assert(property, { seed: 6, numRuns: 500 })
})
