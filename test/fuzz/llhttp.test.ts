import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareWithLlhttp } from './compare.ts'
import { Differential } from './differential.ts'
import { generateInput } from './generate.ts'
import { Llhttp } from './llhttp.ts'
import { RequestParser } from './ours.ts'
import type { Message, Outcome } from './outcome.ts'
import { Random } from './random.ts'

const SEED = 9112
const INPUTS = 60_000
const POST = 'POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n'

test('what llhttp refuses is refused, and what both accept means the same', () => {
  const differential = new Differential(SEED)
  for (let index = 0; index < INPUTS; index++) assert.equal(differential.run(index), null)
  const { accepted, refused } = differential.tally
  assert.ok(accepted > INPUTS / 5, `only ${accepted} inputs were accepted`)
  assert.ok(refused > INPUTS / 5, `only ${refused} inputs were refused`)
})

test('a seed and a number name an input', () => {
  const [one, other] = [Buffer.alloc(8192), Buffer.alloc(8192)]
  const random = new Random()
  const texts = new Set<string>()
  for (let index = 0; index < 100; index++) {
    random.start(SEED, index)
    const length = generateInput(random, false, one)
    random.start(SEED, index)
    assert.equal(generateInput(random, false, other), length)
    const text = one.latin1Slice(0, length)
    assert.equal(other.latin1Slice(0, length), text)
    texts.add(text)
  }
  assert.ok(texts.size > 90)
})

test('the two parsers agree on a plain request', () => {
  const [ours, theirs] = read(POST)
  assert.equal(compareWithLlhttp(ours, theirs), null)
  assert.deepEqual(ours.messages, theirs.messages)
  assert.equal(ours.messages[0]?.body, 'abc')
  assert.deepEqual(ours.messages[0]?.trailers, ['x', 'y'])
})

const LIES: readonly (readonly [string, Partial<Message>])[] = [
  ['method', { subject: 'PUT' }],
  ['target', { target: '/b' }],
  ['version', { minorVersion: 0 }],
  ['field', { fields: ['host', 'h'] }],
  ['byte of the body', { body: 'abd' }],
  ['trailer', { trailers: [] }],
  ['end', { complete: false }],
  ['keep-alive', { keepAlive: false }],
  ['upgrade', { upgrade: true }],
]
for (const [what, lie] of LIES) {
  test(`another ${what} is noticed`, () => {
    const [ours, theirs] = read(POST)
    const [message] = ours.messages
    assert.ok(message)
    assert.notEqual(compareWithLlhttp({ ...ours, messages: [{ ...message, ...lie }] }, theirs), null)
  })
}

test('a message that llhttp refuses, or does not see, is noticed', () => {
  const [ours, theirs] = read(POST)
  assert.match(compareWithLlhttp(ours, { ...theirs, messages: [], fault: 'HPE_X: y' }) ?? '', /accept a head that llhttp refuses/)
  assert.match(compareWithLlhttp(ours, { ...theirs, messages: [] }) ?? '', /llhttp waits for more/)
  assert.match(compareWithLlhttp({ ...ours, messages: [] }, theirs) ?? '', /we wait for more/)
  assert.equal(compareWithLlhttp({ ...ours, messages: [], fault: 'request_malformed' }, theirs), null)
})

function read(text: string): [Outcome, Outcome] {
  const bytes = Buffer.from(text, 'latin1')
  return [new RequestParser().readWhole(bytes), new Llhttp().read(bytes, null, false)]
}
