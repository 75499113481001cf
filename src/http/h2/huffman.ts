/**
 * The Huffman code of HPACK (RFC 7541, Appendix B). It is canonical: symbols of equal length have consecutive codes, so that the lengths say
 * everything. The last one is EOS, which may only be begun, as padding.
 */
const LENGTHS = Uint8Array.from(
  // biome-ignore format: sixteen in a row, as RFC 7541 lists them
  [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
  ],
)
const EOS = 256
const CODES = canonicalCodes()

function canonicalCodes(): Uint32Array {
  const codes = new Uint32Array(LENGTHS.length)
  let code = 0
  for (let length = 1; length <= 30; length++) {
    code <<= 1
    for (let symbol = 0; symbol < LENGTHS.length; symbol++) if (LENGTHS[symbol] === length) codes[symbol] = code++
  }
  return codes
}

/**
 * The decoder is a machine that takes four bits at a time: its states are the inner nodes of the code's tree, 0 the root. A step holds the
 * next state, and the symbol that was completed, of which there is one at most, since the shortest code has five bits.
 */
const STEP_SYMBOL = 1 << 9
const STEP_FAULT = 1 << 10
const STEP_SYMBOL_SHIFT = 16
const { steps: STEPS, mayEnd: MAY_END } = decodingMachine()

function decodingMachine(): { readonly steps: Uint32Array; readonly mayEnd: Uint8Array } {
  // Two children a node: an inner node's number, or -1 - symbol for a leaf.
  const children: number[] = [0, 0]
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const length = LENGTHS[symbol] as number
    const code = CODES[symbol] as number
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const slot = node * 2 + ((code >>> bit) & 1)
      if (children[slot] === 0) {
        children[slot] = children.length / 2
        children.push(0, 0)
      }
      node = children[slot] as number
    }
    children[node * 2 + (code & 1)] = -1 - symbol
  }
  const states = children.length / 2
  const steps = new Uint32Array(states * 16)
  for (let state = 0; state < states; state++)
    for (let bits = 0; bits < 16; bits++) steps[state * 16 + bits] = stepFrom(children, state, bits)
  // RFC 7541, 5.2: the padding is fewer than eight bits, all of them ones.
  const mayEnd = new Uint8Array(states)
  for (let node = 0, depth = 0; depth < 8; depth++, node = children[node * 2 + 1] as number) mayEnd[node] = 1
  return { steps, mayEnd }
}

function stepFrom(children: readonly number[], state: number, bits: number): number {
  let node = state
  let step = 0
  for (let bit = 3; bit >= 0; bit--) {
    const next = children[node * 2 + ((bits >>> bit) & 1)] as number
    if (next === -1 - EOS) return STEP_FAULT
    if (next >= 0) {
      node = next
    } else {
      step = STEP_SYMBOL | ((-1 - next) << STEP_SYMBOL_SHIFT)
      node = 0
    }
  }
  return step | node
}

/** Upper bound of the bytes that `length` coded bytes can stand for. */
export function decodedLengthMax(length: number): number {
  return Math.floor((length * 8) / 5)
}

/**
 * Decodes `bytes[start..end)` into `target` at `offset`, where there must be room for {@link decodedLengthMax}.
 * @returns the end of what was written, or -1 when the coding is broken (RFC 7541, 5.2).
 */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): number {
  let at = offset
  let state = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    let step = STEPS[(state << 4) | (byte >>> 4)] as number
    if (step & STEP_SYMBOL) target[at++] = step >>> STEP_SYMBOL_SHIFT
    else if (step & STEP_FAULT) return -1
    step = STEPS[((step & 0x1ff) << 4) | (byte & 15)] as number
    if (step & STEP_SYMBOL) target[at++] = step >>> STEP_SYMBOL_SHIFT
    else if (step & STEP_FAULT) return -1
    state = step & 0x1ff
  }
  return MAY_END[state] === 1 ? at : -1
}

/** Bytes that `bytes[start..end)` has when it is coded. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  let bits = 0
  for (let i = start; i < end; i++) bits += LENGTHS[bytes[i] as number] as number
  return (bits + 7) >>> 3
}

/** Codes `bytes[start..end)` into `target` at `offset`, where there must be room for {@link huffmanLength}. Returns the end. */
export function huffmanEncode(bytes: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): number {
  let at = offset
  // The lowest `pending` bits are still to be written: at most 7, so that 24 more fit.
  let held = 0
  let pending = 0
  for (let i = start; i < end; i++) {
    const symbol = bytes[i] as number
    const code = CODES[symbol] as number
    let length = LENGTHS[symbol] as number
    if (length > 24) {
      held = (held << (length - 16)) | (code >>> 16)
      pending += length - 16
      length = 16
      for (; pending >= 8; pending -= 8) target[at++] = held >>> (pending - 8)
    }
    held = (held << length) | (code & ((1 << length) - 1))
    pending += length
    for (; pending >= 8; pending -= 8) target[at++] = held >>> (pending - 8)
  }
  if (pending > 0) target[at++] = (held << (8 - pending)) | (0xff >>> pending)
  return at
}
