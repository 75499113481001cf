import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur3 } from './murmur3.ts'

test('the hashes are those of MurmurHash3 x86 32 with seed 0', () => {
  const vectors: readonly (readonly [string, number])[] = [
    ['', 0],
    ['a', 0x3c2569b2],
    ['abc', 0xb3dd93fa],
    ['test', 0xba6bd213],
    ['hello', 0x248bfa47],
    ['Hello, world!', 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
    ['\0\0\0\0', 0x2362f9de],
    ['\u00ff\u00ff\u00ff\u00ff', 0x76293b50],
    ['\u0021\u0043\u0065\u0087', 0xf55b516b],
    ['\u0021\u0043\u0065', 0x7e4a8634],
    ['\u0021\u0043', 0xa0f7b07a],
    ['\u0021', 0x72661cf4],
  ]
  for (const [text, hash] of vectors) assert.equal(murmur3(text), hash, JSON.stringify(text))
})
