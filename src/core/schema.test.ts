import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  byteSize,
  duration,
  formatBytes,
  formatDuration,
  headerNameText,
  headerValueText,
  list,
  object,
  oneOf,
  oneOrMore,
  record,
  secret,
  text,
  z,
} from './schema.ts'

function messagesOf(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.map((issue) => issue.message)
}

test('an unknown key names the nearest valid key and lists them all', () => {
  const schema = object({ timeout: z.int().optional(), path: z.string().optional() })
  assert.deepEqual(messagesOf(schema, { timout: 1 }), ['unknown key `timout`; did you mean `timeout`? valid keys: `timeout`, `path`'])
  assert.deepEqual(messagesOf(schema, { colour: 1 }), ['unknown key `colour`; valid keys: `timeout`, `path`'])
})

test('several unknown keys are one line each', () => {
  const [message] = messagesOf(object({ path: z.string().optional() }), { pth: 1, x: 2 })
  assert.deepEqual(message?.split('\n'), [
    'unknown key `pth`; did you mean `path`? valid keys: `path`',
    'unknown key `x`; valid keys: `path`',
  ])
})

test('an object still says what it is when it is given something else', () => {
  assert.deepEqual(messagesOf(object({}), 3), ['Invalid input: expected object, received number'])
})

test('a duration is read in every unit and as milliseconds', () => {
  const schema = duration()
  for (const [written, ms] of [
    ['500ms', 500],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1m', 60_000],
    ['2h', 7_200_000],
    [250, 250],
    [0, 0],
  ] as const) {
    assert.equal(schema.parse(written), ms)
  }
})

test('what is no duration is refused with the forms that are', () => {
  for (const wrong of ['5', '5 s', 's', '-1s', '1d', -1, 1.5, true, null, '', '1e3s', '1..5s']) {
    assert.deepEqual(
      messagesOf(duration(), wrong),
      ['expected a duration: `500ms`, `5s`, `1m`, `2h` or an integer of milliseconds'],
      String(wrong),
    )
  }
})

test('a duration keeps within its bounds', () => {
  assert.deepEqual(messagesOf(duration({ min: 1, max: 60_000 }), '2m'), ['expected 1ms to 1m, found 2m'])
  assert.deepEqual(messagesOf(duration({ min: 1 }), '0s'), ['expected 1ms to 24h, found 0ms'])
  assert.deepEqual(messagesOf(duration({ min: 100 }), 30), ['expected 100ms to 24h, found 30, which without a unit is 30ms'])
})

test('a size is read in binary and decimal units', () => {
  const schema = byteSize()
  for (const [written, bytes] of [
    ['16KiB', 16_384],
    ['1MiB', 1_048_576],
    ['10MB', 10_000_000],
    ['1kB', 1_000],
    ['5B', 5],
    [7, 7],
  ] as const) {
    assert.equal(schema.parse(written), bytes)
  }
  assert.deepEqual(messagesOf(schema, '10 MB'), ['expected a size: `16KiB`, `1MiB`, `10MB` or an integer of bytes'])
})

test('durations and sizes are written in their largest whole unit', () => {
  assert.deepEqual([0, 1, 1_500, 60_000, 7_200_000].map(formatDuration), ['0ms', '1ms', '1500ms', '1m', '2h'])
  assert.deepEqual([0, 1, 65_536, 10_000_000, 1_048_576].map(formatBytes), ['0B', '1B', '64KiB', '10MB', '1MiB'])
})

test('a wrong word is told the words and the nearest', () => {
  const schema = oneOf(['exponential', 'linear'])
  assert.deepEqual(messagesOf(schema, 'exponentail'), [
    'expected one of `exponential`, `linear`, found `exponentail`; did you mean `exponential`?',
  ])
  assert.deepEqual(messagesOf(schema, 1), ['expected one of `exponential`, `linear`'])
})

test('a header name is a token and a header value printable', () => {
  assert.equal(headerNameText().parse('X-Request-ID'), 'X-Request-ID')
  for (const wrong of ['', 'a b', 'a:', 'é', 'a\r\nb']) assert.equal(messagesOf(headerNameText(), wrong).length, 1, wrong)
  assert.equal(headerValueText().parse('a b; c="d"'), 'a b; c="d"')
  assert.equal(headerValueText().parse(''), '')
  for (const wrong of [' a', 'a ', 'a\r\nb', 'a\0', 'é']) assert.equal(messagesOf(headerValueText(), wrong).length, 1, wrong)
})

test('one item stands for a list of one', () => {
  assert.deepEqual(oneOrMore(text()).parse('a'), ['a'])
  assert.deepEqual(oneOrMore(text()).parse(['a', 'b']), ['a', 'b'])
  assert.equal(messagesOf(oneOrMore(text()), []).length, 1)
})

test('lists and records are bounded', () => {
  assert.equal(messagesOf(list(z.int(), { max: 1 }), [1, 2]).length, 1)
  assert.deepEqual(messagesOf(record(z.string(), z.int(), { max: 1 }), { a: 1, b: 2 }), ['expected at most 1 entries'])
})

test('every schema exports its written form, with default and description', () => {
  const schema = object({
    wait: duration().prefault('5s').describe('How long.'),
    size: byteSize().optional().describe('How much.'),
    key: secret().describe('The key.'),
    paths: oneOrMore(text()).describe('Where.'),
  })
  const exported = z.toJSONSchema(schema, { io: 'input' })
  const wait = exported.properties?.['wait']
  assert.ok(typeof wait === 'object')
  assert.equal(wait.default, '5s')
  assert.equal(wait.description, 'How long.')
  assert.deepEqual(
    wait.anyOf?.map((branch) => (typeof branch === 'object' ? branch.type : null)),
    ['string', 'integer'],
  )
  assert.deepEqual(exported.required, ['key', 'paths'])
  const key = exported.properties?.['key']
  assert.ok(typeof key === 'object')
  assert.equal(key['secret'], true)
})
