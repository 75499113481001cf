import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readExactly } from '../../core/exact-json.ts'
import { readJson, writeJson } from './json-text.ts'

function again(text: string): string | undefined {
  const read = readJson(Buffer.from(text))
  return read === undefined ? undefined : writeJson(read.value).toString()
}

test('numbers come out as they went in, however they were written', () => {
  for (const number of [
    '0',
    '-0',
    '-0.0',
    '7',
    '-7',
    '1.0',
    '1.50',
    '19.99',
    '0.1000',
    '1e3',
    '1E+3',
    '1e400',
    '-1e-400',
    '999999999999999',
    '9007199254740993',
    '12345678901234567890',
    '3.14159265358979323846264338327950288',
  ]) {
    for (const text of [number, `[${number}]`, `{"a":${number},"b":[{"c":${number}},"${number}"]}`]) assert.equal(again(text), text)
  }
})

test('what is no JSON, or could be read in two ways, is none', () => {
  for (const text of ['', ' ', '{', '{"a":1}x', "{'a':1}", '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '\ufeff{}', '[01]', '[NaN]'])
    assert.equal(again(text), undefined, text)
  assert.equal(readJson(Buffer.from([0x22, 0xff, 0x22])), undefined)
  assert.notEqual(again('['.repeat(64) + ']'.repeat(64)), undefined)
  assert.equal(again('['.repeat(65) + ']'.repeat(65)), undefined)
})

const number = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.tuple(fc.bigInt(), fc.stringMatching(/^(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?$/)).map(([whole, rest]) => `${whole}${rest}`),
)
const string = fc.string({ unit: 'binary' }).map((value) => JSON.stringify(value))
/** Names that no engine takes for an index: those it would put first. */
const name = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a'),
  fc.string().filter((text) => !/^\d/.test(text)),
)
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(number, string, fc.constantFrom('true', 'false', 'null')),
    fc.array(tie('json'), { maxLength: 5 }).map((items) => `[${items.join(',')}]`),
    fc
      .uniqueArray(fc.tuple(name, tie('json')), { selector: ([key]) => key, maxLength: 5 })
      .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
  ),
}))

test('every compact text comes out letter by letter, and one with blanks without them', () => {
  fc.assert(
    fc.property(json, (text) => {
      assert.equal(again(text), text)
      const spaced = text.replaceAll(/("(?:[^"\\]|\\.)*")|[{}[\],:]/g, (token, written) =>
        written === undefined ? ` \r\n${token}\t` : token,
      )
      assert.equal(again(` ${spaced} `), text)
    }),
  )
})

test('reading by text gives what JSON.parse gives', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value, null, 2)
      assert.deepEqual(JSON.parse(JSON.stringify(readExactly(text))), JSON.parse(text))
    }),
  )
})
