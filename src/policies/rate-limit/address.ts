import { isIPv6 } from 'node:net'

/** The first four of eight groups are zero bits and the sixth is ones: an IPv4 address (RFC 4291, 2.5.5.2). */
const MAPPED_PREFIX = '0:0:0:0:0:ffff'

/**
 * What stands for all addresses of one client: an IPv4 address itself, also when it came mapped into IPv6; of an IPv6 address the first
 * `prefix` bits, written the same whatever the spelling.
 */
export function addressKey(address: string, prefix: number): string {
  // A zone names an interface of ours, not who is there.
  const [bare = ''] = address.split('%')
  if (!isIPv6(bare)) return bare
  const groups = groupsOf(bare)
  const mapped = groups.map((group) => group.toString(16)).join(':')
  if (mapped.startsWith(`${MAPPED_PREFIX}:`)) {
    const [high = 0, low = 0] = groups.slice(6)
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
  }
  const kept = groups.map((group, i) => group & maskOf(prefix - 16 * i))
  return `${kept.map((group) => group.toString(16)).join(':')}/${prefix}`
}

/** @param bits of a group of 16 that are kept; beyond either end means none or all */
function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 16 ? 0xffff : (0xffff << (16 - bits)) & 0xffff
}

/** Eight numbers of 16 bits from any spelling of a valid address. */
function groupsOf(address: string): number[] {
  const [before = '', after] = withoutDots(address).split('::')
  const head = parse(before)
  if (after === undefined) return head
  const tail = parse(after)
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

function parse(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

/** The last 32 bits may be written as an IPv4 address. */
function withoutDots(address: string): string {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (dotted === null) return address
  const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number)
  return `${address.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
