import { randomFillSync } from 'node:crypto'

const POOL_UUIDS = 256
const BYTES = 16
const DIGITS = Buffer.from('0123456789abcdef')
/** Where the two digits of each byte stand in the text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

const pool = Buffer.alloc(POOL_UUIDS * BYTES)
const text = Buffer.from('00000000-0000-0000-0000-000000000000')
let used = pool.length

/**
 * A random UUID (RFC 9562, version 4). Node's own joins it of pieces, which have to be put together when it is read; this one is whole,
 * at about half the cost.
 */
export function randomUuid(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  for (let i = 0; i < BYTES; i++) {
    let byte = pool[used + i] as number
    // What has been given out is in no memory any more.
    pool[used + i] = 0
    // RFC 9562, 4.1 and 4.2: the variant and the version.
    if (i === 6) byte = (byte & 0x0f) | 0x40
    else if (i === 8) byte = (byte & 0x3f) | 0x80
    const at = PLACES[i] as number
    text[at] = DIGITS[byte >> 4] as number
    text[at + 1] = DIGITS[byte & 15] as number
  }
  used += BYTES
  return text.latin1Slice()
}
