import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeSegment, normalisePath } from './path.ts'

const cases: readonly (readonly [string, string, string | null])[] = [
  ['the empty path is the root', '', '/'],
  ['the root stays', '/', '/'],
  ['a plain path stays', '/api/v1/users/7', '/api/v1/users/7'],
  ['a trailing slash is kept', '/a/', '/a/'],
  ['dots within a name are no dot segment', '/.well-known/...x/a..b/..c/c..', '/.well-known/...x/a..b/..c/c..'],
  ['three dots are a name', '/a/.../b', '/a/.../b'],
  ['single dots vanish', '/a/./b/.', '/a/b/'],
  ['double dots go up', '/a/b/../c', '/a/c'],
  ['a last double dot leaves the slash', '/a/b/..', '/a/'],
  ['up to the root is fine', '/a/..', '/'],
  ['above the root is refused', '/a/../..', null],
  ['above the root is refused though it comes back', '/../a', null],
  ['repeated slashes are one', '//a///b//', '/a/b/'],
  ['slashes are merged before dots are removed', '/a//../b', '/b'],
  ['encoded dots are dots', '/a/%2e%2E/b', '/b'],
  ['encoded unreserved characters are decoded', '/%7euser/%41%2D%5f', '/~user/A-_'],
  ['hex digits become upper case', '/%c3%a4%3a', '/%C3%A4%3A'],
  ['a reserved character is not decoded', '/a%3Fb%23%26', '/a%3Fb%23%26'],
  ['a double encoding is decoded once', '/%252e%252e/a', '/%252e%252e/a'],
  ['an encoded slash is data', '/a%2fb/c%5cd', '/a%2Fb/c%5Cd'],
  ['a dot segment behind an encoded slash is refused', '/a%2f..', null],
  ['a dot segment before an encoded slash is refused', '/..%2fa', null],
  ['a dot segment between encoded slashes is refused', '/a%2F.%5Cb', null],
  ['an encoded dot segment behind an encoded backslash is refused', '/a%5c%2e%2e', null],
  ['a dot segment with parameters is refused', '/a/..;x=1/b', null],
  ['a dot segment with empty parameters is refused at the end', '/a/.;', null],
  ['parameters of a name stay', '/a;v=1/b', '/a;v=1/b'],
  ['a relative path is refused', 'a/b', null],
  ['the asterisk is no path', '*', null],
  ['a backslash is refused', '/a\\b', null],
  ['a fragment is refused', '/a#b', null],
  ['a question mark is refused', '/a?b', null],
  ['a space is refused', '/a b', null],
  ['a control character is refused', '/a\u0001', null],
  ['DEL is refused', '/a\u007f', null],
  ['a byte above ASCII is refused', '/\u00e4', null],
  ['a refused byte is refused behind something to normalise', '//a\\', null],
  ['an encoded NUL is refused', '/a%00', null],
  ['a cut encoding is refused', '/a%4', null],
  ['a lone percent sign is refused', '/%', null],
  ['an encoding that is not hex is refused', '/%zz', null],
]

for (const [name, raw, expected] of cases) {
  test(`path: ${name}`, () => assert.equal(normalisePath(raw), expected))
}

const piece = fc.constantFrom(
  '/',
  '//',
  '.',
  '..',
  'a',
  'B',
  '%2e',
  '%2F',
  '%5c',
  '%41',
  '%c3',
  '%3a',
  '%25',
  '%',
  ';',
  ':x',
  '\\',
  '%00',
  '~',
  '*',
)
const rawPath = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((parts) => `/${parts.join('')}`),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `/${text}`),
)

test('the normal form is a fixed point', () => {
  fc.assert(
    fc.property(rawPath, (raw) => {
      const once = normalisePath(raw)
      if (once !== null) assert.equal(normalisePath(once), once)
    }),
    { numRuns: 5_000 },
  )
})

test('the normal form has no dot segment, no repeated slash and no encoding in two spellings, however it is read', () => {
  fc.assert(
    fc.property(rawPath, (raw) => {
      const normal = normalisePath(raw)
      if (normal === null) return
      assert.match(normal, /^\/[\x21-\x7e]*$/)
      assert.doesNotMatch(normal, /\/\/|[\\#?]|%00/)
      assert.doesNotMatch(normal, /%(?![0-9A-F]{2})/)
      assert.doesNotMatch(normal, /%(4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|3[0-9]|2D|2E|5F|7E)/)
      for (const part of normal.split(/\/|%2F|%5C/)) assert.doesNotMatch(part, /^\.{1,2}(;|$)/)
    }),
    { numRuns: 5_000 },
  )
})

test('the URL parser of the platform agrees where both read a path by the same rules', () => {
  const segment = fc.constantFrom('.', '..', 'a', 'bc', '%2e', '%2E%2e', '.a')
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
      const raw = `/${segments.join('/')}`
      const normal = normalisePath(raw)
      // The URL standard stops at the root, where we refuse.
      if (normal !== null) assert.equal(normal, new URL(`http://x${raw}`).pathname)
    }),
  )
})

test('a segment is decoded for captures unless that would free a slash or a control character', () => {
  assert.equal(decodeSegment('k%C3%A4se%20x'), 'käse x')
  for (const kept of ['a%2Fb', 'a%5Cb', 'a%0D%0Ab', 'a%7Fb', '%C2%85', '%E2%80%A8', '%FF', '%C0%AF', '%ED%A0%80']) {
    assert.equal(decodeSegment(kept), kept)
  }
})
