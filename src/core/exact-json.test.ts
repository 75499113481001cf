import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hasOddNumber } from './exact-json.ts'

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
/** Any number that JSON can write, most of them with few digits, and zeros where they matter. */
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,17}$/)),
    fc.option(fc.oneof(digits(9), fc.stringMatching(/^0{1,8}[0-9]$/)), { nil: undefined }),
    fc.option(fc.integer({ min: -9, max: 30 }), { nil: undefined, freq: 8 }),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent === undefined ? '' : `e${exponent}`}`,
  )

test('a number is odd exactly when JavaScript writes it in another way', () => {
  fc.assert(
    fc.property(number, (written) => {
      assert.equal(hasOddNumber(`{"a": ["1.0", ${written}]}`), String(Number(written)) !== written)
    }),
    { numRuns: 5_000 },
  )
})
