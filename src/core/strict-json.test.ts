import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseStrictJson } from './strict-json.ts'

const read = (source: Uint8Array | string, depthMax = 8) => parseStrictJson(source, { depthMax })

/** Pointer and problem, or null. */
function problem(source: Uint8Array | string, depthMax?: number): string | null {
  const result = read(source, depthMax)
  return 'problem' in result ? `${result.pointer} ${result.problem}` : null
}

test('a name that stands twice is refused with its pointer, at any depth and however it is written', () => {
  for (const [text, pointer] of [
    ['{"a":1,"a":1}', '/a'],
    ['{"a":1,"\\u0061":2}', '/a'],
    ['{"a":{"b":1,"c":2},"a":3}', '/a'],
    ['{"x":[0,{"y":{"a/b":1,"c":{"a/b":1},"a/b":2}}]}', '/x/1/y/a~1b'],
    ['[{"a":1},{"a":1},{"a":":","a":2}]', '/2/a'],
    ['{"":1,"":2}', '/'],
    ['{"__proto__":1,"__proto__":2}', '/__proto__'],
    ['{"a\\"":1,"b\\\\":[],"a\\"":2}', '/a"'],
    ['{ "k" : "v" , "k"\n:\t"w" }', '/k'],
  ] as const) {
    assert.equal(problem(text), `${pointer} stands twice in its object`, text)
  }
})

test('names may stand again in other objects, and in values', () => {
  for (const text of ['{"a":{"a":{"a":"a"}},"b":"a"}', '[{"a":1},{"a":1}]', '{"a":"\\"a\\":1,\\\\","b":":{}[]"}', '"a:b"', '1', 'null']) {
    assert.equal(problem(text), null, text)
  }
})

test('what is no JSON, no UTF-8 or begins with a byte order mark is refused', () => {
  assert.equal(problem(Buffer.from('{"a":1}')), null)
  for (const text of ['', '{', '{"a":1,}', '{a:1}', "{'a':1}", '1 2', 'NaN', '[1,]', '/* */1', '\ufeff{}', '01', '"\t"']) {
    assert.equal(problem(text), ' is not valid JSON', text)
    assert.equal(problem(Buffer.from(text)), ' is not valid JSON', text)
  }
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0x80, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xe2, 0x82],
  ]) {
    assert.equal(problem(Buffer.from(bytes)), ' is not valid UTF-8')
  }
})

test('nesting is bounded, also where it is absurd', () => {
  assert.equal(problem('[[[{}]]]', 4), null)
  assert.equal(problem('[[[{}]]]', 3), ' is nested deeper than 3 levels')
  assert.equal(problem('[[],[],[],[]]', 2), null)
  assert.equal(problem('['.repeat(500_000) + ']'.repeat(500_000), 64), ' is nested deeper than 64 levels')
})

test('`__proto__` is a member and nothing else', () => {
  const result = read('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')
  assert.ok('value' in result && typeof result.value === 'object' && result.value !== null)
  assert.deepEqual(Object.keys(result.value), ['__proto__', 'constructor'])
  assert.equal(Object.getPrototypeOf(result.value), Object.prototype)
  assert.equal(Reflect.get({}, 'polluted'), undefined)
})

test('what JSON.stringify writes is read as it was', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      assert.deepEqual(read(text), { value: JSON.parse(text) })
    }),
  )
})

test('a long name is cut in the pointer', () => {
  const name = 'a'.repeat(10_000)
  assert.ok((problem(`{"${name}":1,"${name}":2}`) ?? '').length < 300)
})
