import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTraceParent, isTraceState, parseTraceParent } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

test('a traceparent is read, and written as it was', () => {
  for (const sampled of [true, false]) {
    const text = formatTraceParent(TRACE, SPAN, sampled)
    assert.deepEqual(parseTraceParent(text), { traceId: TRACE, spanId: SPAN, sampled })
  }
  assert.equal(formatTraceParent(TRACE, SPAN, true), `00-${TRACE}-${SPAN}-01`)
})

test('flags that we do not know change nothing, and of later versions the part is read that we know', () => {
  assert.equal(parseTraceParent(`00-${TRACE}-${SPAN}-ff`)?.sampled, true)
  assert.equal(parseTraceParent(`00-${TRACE}-${SPAN}-02`)?.sampled, false)
  assert.equal(parseTraceParent(`cc-${TRACE}-${SPAN}-01`)?.traceId, TRACE)
  assert.equal(parseTraceParent(`cc-${TRACE}-${SPAN}-01-what-comes-later`)?.traceId, TRACE)
})

test('what is malformed is no traceparent', () => {
  const malformed = [
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-0x`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01.what`,
    `0-${TRACE}-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1_000)}`,
  ]
  for (const text of malformed) assert.equal(parseTraceParent(text), null, text)
})

test('a tracestate is passed on when all of it is well formed', () => {
  const good = [
    '',
    'foo=1',
    'foo=1,bar=2',
    'foo=1 , bar=2\t',
    'foo=1,,bar=2',
    'a/b*c-d_e=x y',
    'fw529a3039@dt=FfQdGQ',
    `${'z'.repeat(256)}=1`,
    `a=${'x'.repeat(256)}`,
    Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(','),
  ]
  for (const text of good) assert.equal(isTraceState(text), true, text)
  const bad = [
    'foo',
    '=1',
    'foo=',
    'Foo=1',
    'foo=a=b',
    'foo@=1',
    '@foo=1',
    'foo@bar@baz=1',
    'foo =1',
    'foo=1,foo=2',
    'foo=\u00e9',
    `${'z'.repeat(257)}=1`,
    `a=${'x'.repeat(257)}`,
    `a@${'x'.repeat(15)}=1`,
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(','),
    Array.from({ length: 30 }, (_, index) => `k${index}=${'v'.repeat(250)}`).join(','),
  ]
  for (const text of bad) assert.equal(isTraceState(text), false, text)
})
