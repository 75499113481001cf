import { isIP } from 'node:net'

/** An address or a CIDR block, parsed. Used by the schema (to refuse), by the policy and by its review. */
export interface AddressBlock {
  /** As it was written. */
  readonly text: string
  readonly family: 4 | 6
  /** Without the prefix length, as written. */
  readonly address: string
  readonly prefix: number
  /** The bits of the network: those of the address before the prefix ends. */
  readonly network: bigint
  /** Whether no bit of the address is set behind the prefix. */
  readonly isAligned: boolean
}

const BITS = { 4: 32, 6: 128 } as const
/** RFC 4291, 2.5.5.2: the high 96 bits of an IPv4 address in an IPv6 one. */
const MAPPED_HIGH = 0xffffn

/** @returns the block, or what is wrong with the text in one sentence. */
export function parseBlock(text: string): AddressBlock | { readonly problem: string } {
  const [address = '', digits, ...rest] = text.split('/')
  const family = address.includes('%') ? 0 : isIP(address)
  if ((family !== 4 && family !== 6) || rest.length > 0) return { problem: expected(text) }
  const bits = BITS[family]
  if (digits !== undefined && (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > bits)) {
    return { problem: `expected a prefix length of 0 to ${bits} behind the slash, found \`${text}\`` }
  }
  const prefix = digits === undefined ? bits : Number(digits)
  const value = family === 4 ? valueOf4(address) : valueOf6(address)
  if (family === 6 && prefix >= 96 && value >> 32n === MAPPED_HIGH) {
    return { problem: `\`${text}\` is an IPv4 address in IPv6 form: write it as IPv4, clients are compared so` }
  }
  const hostBits = BigInt(bits - prefix)
  const network = value >> hostBits
  return { text, family, address, prefix, network, isAligned: network << hostBits === value }
}

function expected(text: string): string {
  return `expected an IP address or a CIDR block such as \`10.0.0.0/8\` or \`2001:db8::/32\`, found \`${text}\``
}

/** A client's address in the form that is compared, an IPv4 address in IPv6 form as IPv4, without a zone; empty when it is none. */
export function comparable(address: string): string {
  const zone = address.indexOf('%')
  const plain = zone === -1 ? address : address.slice(0, zone)
  const family = isIP(plain)
  if (family !== 6) return family === 4 ? plain : ''
  const value = valueOf6(plain)
  if (value >> 32n !== MAPPED_HIGH) return plain
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')
}

function valueOf4(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

/** @param address known to be an IPv6 address (RFC 4291, 2.2) */
function valueOf6(address: string): bigint {
  const [head = '', tail] = address.split('::')
  const left = groupsOf(head)
  const right = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0n)
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | group, 0n)
}

function groupsOf(text: string): bigint[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)]
    const value = valueOf4(group)
    return [value >> 16n, value & 0xffffn]
  })
}

/** Blocks to be asked whether one of them covers another block whole. A look takes as many steps as there are prefix lengths. */
export class BlockSet {
  readonly #byPrefix = { 4: new Map<number, Map<bigint, AddressBlock>>(), 6: new Map<number, Map<bigint, AddressBlock>>() }

  add(block: AddressBlock): void {
    const prefixes = this.#byPrefix[block.family]
    const networks = prefixes.get(block.prefix) ?? new Map<bigint, AddressBlock>()
    prefixes.set(block.prefix, networks)
    if (!networks.has(block.network)) networks.set(block.network, block)
  }

  /** A block that covers this one whole, or null. */
  covering({ family, prefix, network }: AddressBlock): AddressBlock | null {
    for (const [length, networks] of this.#byPrefix[family]) {
      const found = length <= prefix ? networks.get(network >> BigInt(prefix - length)) : undefined
      if (found !== undefined) return found
    }
    return null
  }
}
