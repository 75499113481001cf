/** MurmurHash3, x86, 32 bits, of a string's UTF-16 units taken as Latin-1. Even enough for a ring, where FNV-1a is not. */
export function murmur3(text: string): number {
  let hash = 0
  const length = text.length
  const blocks = length & ~3
  for (let i = 0; i < blocks; i += 4) {
    const block =
      (text.charCodeAt(i) & 0xff) |
      ((text.charCodeAt(i + 1) & 0xff) << 8) |
      ((text.charCodeAt(i + 2) & 0xff) << 16) |
      ((text.charCodeAt(i + 3) & 0xff) << 24)
    hash ^= mix(block)
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = length - 1; i >= blocks; i--) tail = (tail << 8) | (text.charCodeAt(i) & 0xff)
  if (length > blocks) hash ^= mix(tail)
  hash ^= length
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function mix(block: number): number {
  const scaled = Math.imul(block, 0xcc9e2d51)
  return Math.imul((scaled << 15) | (scaled >>> 17), 0x1b873593)
}
