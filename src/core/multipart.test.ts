import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundaryOf, fieldPart, joinParts, renamedPart, splitParts } from './multipart.ts'

const part = (disposition: string, value: string): string => `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`

test('a form is split into its parts and joined to the same bytes', () => {
  const text = `${part('name="a"', '1')}${part('name="ü"; filename="x"\r\nContent-Type: text/plain', '\r\n--\r\n')}${part('name=""', '')}--b--\r\n`
  const parts = splitParts(Buffer.from(text), 'b') ?? []
  assert.deepEqual(
    parts.map(({ name, body }) => [name, body.toString()]),
    [
      ['a', '1'],
      ['ü', '\r\n--\r\n'],
      ['', ''],
    ],
  )
  assert.equal(joinParts(parts, 'b').toString(), text)
})

test('what readers could take for different fields is no form', () => {
  const malformed = [
    '',
    '--b--x',
    `preamble\r\n${part('name="a"', '1')}--b--`,
    part('name="a"', '1'),
    `${part('name=a', '1')}--b--`,
    `${part('name="a"; name="b"', '1')}--b--`,
    `${part('name="a"; name*=UTF-8\'\'b', '1')}--b--`,
    `${part('name="a\\"b"', '1')}--b--`,
    `${part('name="a"\r\nContent-Disposition: form-data; name="b"', '1')}--b--`,
    `${part('name="a"\r\n ; name="b"', '1')}--b--`,
    `${part('name="a"\nX: y', '1')}--b--`,
    `${part('filename="a"', '1')}--b--`,
    `--b\r\n\r\n1\r\n--b--`,
    `--bc\r\n${part('name="a"', '1')}--b--`,
    `${part('name="a"', '1')}--b--\r\n${part('name="b"', '1')}--b--`,
    part('name="a"', '1').repeat(1_001) + '--b--',
    ...['\n', '\r', '\n\n', '\r\r'].map((end) => `${part('name="a"', `1${end}--b${end}x`)}--b--`),
  ]
  for (const text of malformed) assert.equal(splitParts(Buffer.from(text), 'b'), null, text.slice(0, 80))
})

test('the boundary of a type, once', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['multipart/form-data; boundary=----x', '----x'],
    ['multipart/form-data; charset=utf-8; boundary="a:b"', 'a:b'],
    ['multipart/form-data', null],
    ['multipart/form-data; boundary=a; boundary=b', null],
    ['multipart/form-data; boundary=a; Boundary*=b', null],
    ['multipart/form-data; boundary="a b"', null],
    ['multipart/form-data; boundary=a, multipart/form-data; boundary=b', null],
  ]
  for (const [type, boundary] of cases) assert.equal(boundaryOf(type), boundary, type)
})

test('names and values cannot leave their place', () => {
  const made = joinParts([renamedPart(fieldPart('a', '1'), 'x"\r\ny'), fieldPart('ü"', 'v')], 'b')
  assert.deepEqual(
    splitParts(made, 'b')?.map(({ name }) => name),
    ['x%22%0D%0Ay', 'ü%22'],
  )
})
