/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein), for the bytes of a text: Latin-1 where that holds it, and UTF-16
 * little-endian under a second key where it does not, so that no two texts are the same input.
 *
 * Callers choose the keys of limits, by their address or a header. Under a secret they cannot find two that meet in one state,
 * which with the usual hashes of tables they can.
 */
export interface HashKey {
  /** For texts whose units are all below 256. */
  readonly narrow: readonly [number, number]
  readonly wide: readonly [number, number]
}

/** Writes the hash of a text to `out[at]` (the first four bytes) and `out[at + 1]`. */
export function hashText(key: HashKey, text: string, out: Int32Array, at: number): void {
  const { narrow, wide } = key
  const seen = hashUnits(narrow[0], narrow[1], text, 0, out, at)
  if (seen > 255) hashUnits(wide[0], wide[1], text, 1, out, at)
}

/**
 * @param shift 0 for a byte a unit, 1 for two bytes
 * @returns all units together by "or"
 */
function hashUnits(k0: number, k1: number, text: string, shift: 0 | 1, out: Int32Array, at: number): number {
  const units = text.length
  const words = units >> (2 - shift)
  let v0 = k0
  let v1 = k1 ^ 0xee
  let v2 = k0 ^ 0x6c796765
  let v3 = k1 ^ 0x74656462
  let seen = 0
  let unit = 0
  // One step for each whole word, one for the rest with the length, and two that finish.
  for (let step = 0; step < words + 3; step++) {
    let word = 0
    let rounds = 2
    if (step < words) {
      const c0 = text.charCodeAt(unit)
      const c1 = text.charCodeAt(unit + 1)
      if (shift === 0) {
        const c2 = text.charCodeAt(unit + 2)
        const c3 = text.charCodeAt(unit + 3)
        seen |= c0 | c1 | c2 | c3
        word = c0 | (c1 << 8) | (c2 << 16) | (c3 << 24)
        unit += 4
      } else {
        word = c0 | (c1 << 16)
        unit += 2
      }
    } else if (step === words) {
      word = (units << shift) << 24
      for (let place = 0; unit < units; unit++, place += 8) {
        const code = text.charCodeAt(unit)
        seen |= code
        word |= code << place
      }
    } else {
      rounds = 4
      if (step === words + 1) v2 ^= 0xee
      else {
        out[at] = v1 ^ v3
        v1 ^= 0xdd
      }
    }
    v3 ^= word
    for (; rounds > 0; rounds--) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= word
  }
  out[at + 1] = v1 ^ v3
  return seen
}
