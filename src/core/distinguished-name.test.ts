import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatDistinguishedName, parseDistinguishedName, valuesOfType } from './distinguished-name.ts'

/** The name as it is written in one way. */
function same(text: string): string | null {
  const name = parseDistinguishedName(text)
  return name === null ? null : formatDistinguishedName(name)
}

test('names that mean the same have the same text', () => {
  for (const [written, expected] of [
    ['CN=app,O=Example', 'CN=app,O=Example'],
    [' cn = app , o=Example ', 'CN=app,O=Example'],
    ['2.5.4.3=app,2.5.4.10=Example', 'CN=app,O=Example'],
    ['UID=1+CN=app,O=Example', 'CN=app+UID=1,O=Example'],
    ['CN=Lu\\C4\\8Di\\C4\\87', 'CN=Lučić'],
    ['CN=a\\2Cb', 'CN=a\\,b'],
    ['CN=a\\,b\\+c\\"\\\\', 'CN=a\\,b\\+c\\"\\\\'],
    ['CN=\\ a\\ ', 'CN=\\ a\\ '],
    ['CN=\\#a#', 'CN=\\#a#'],
    ['CN=a\\0Ab', 'CN=a\\0Ab'],
    ['CN=a=b', 'CN=a=b'],
    ['CN=', 'CN='],
    ['emailAddress=a@b.example', 'EMAILADDRESS=a@b.example'],
    ['1.2.3.4=x', '1.2.3.4=x'],
  ] as const)
    assert.equal(same(written), expected, written)
})

test('names that differ in a value or its level differ', () => {
  const texts = ['CN=app', 'CN=App', 'CN=app\\ ', 'CN=app,O=x', 'O=x,CN=app', 'CN=app+O=x', 'CN=app\\,O=x', 'CN=app\\+O=x', 'OU=app']
  assert.equal(new Set(texts.map(same)).size, texts.length)
})

test('what is no name is none', () => {
  for (const wrong of [
    '',
    'app',
    'CN',
    '=app',
    'CN=a,',
    ',CN=a',
    'CN=a;O=b',
    'CN="a"',
    'CN=a<b',
    'CN=#04024869',
    'CN=a\\',
    'CN=a\\xb',
    'CN=\\FF',
    'C N=a',
    '/CN=a',
    'CN=a\0b',
  ])
    assert.equal(parseDistinguishedName(wrong), null, wrong)
})

test('a name that was written is read as it was', () => {
  const attribute = fc.record({ type: fc.constantFrom('CN', 'O', 'OU', '1.2.3'), value: fc.string({ unit: 'grapheme', maxLength: 12 }) })
  const name = fc.array(fc.array(attribute, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(name, (levels) => {
      const text = formatDistinguishedName(levels)
      const read = parseDistinguishedName(text)
      assert.ok(read !== null, text)
      assert.equal(formatDistinguishedName(read), text)
      assert.deepEqual(valuesOfType(read, 'CN').toSorted(), valuesOfType(levels, 'CN').toSorted())
    }),
    { seed: 6 },
  )
})
