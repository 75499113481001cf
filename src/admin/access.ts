import { createHash, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { AdminRole } from '../config/ir.ts'
import { unmapAddress } from '../http/h1/client-address.ts'

/** A bearer token, and what it is called in the event log. */
export interface AccessToken {
  readonly name: string
  readonly token: string
  readonly role: AdminRole
}

/** Who may ask the admin listener. */
export interface AccessRules {
  /** With none, nobody is let in. */
  readonly tokens: readonly AccessToken[]
  /** Addresses and CIDR blocks; null for any. */
  readonly allow: readonly string[] | null
}

/** Who asks. */
export interface Caller {
  readonly name: string
  readonly role: AdminRole
}

/**
 * Whose token `Authorization: Bearer <token>` carries (RFC 6750, 2.1); null for nobody's. All tokens are compared, each in the same time wherever
 * it differs, so that how long it takes tells nothing.
 */
export function callerOf(authorization: string | undefined, tokens: readonly AccessToken[]): Caller | null {
  const given = sha256(/^Bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1] ?? '')
  let caller: Caller | null = null
  for (const { name, token, role } of tokens) {
    // Hashes have one length, so that not even the token's own is told.
    const isSame = timingSafeEqual(given, sha256(token))
    if (isSame && token !== '' && caller === null) caller = { name, role }
  }
  return caller
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Addresses that may ask; what was made of the rules stays until they are others. */
export class AllowList {
  #written: readonly string[] | null = null
  /** Apart: one `BlockList` for both would find IPv4 addresses in `::/0`. */
  #v4 = new BlockList()
  #v6 = new BlockList()

  /** @param address of the connection; what is no address is in no list */
  has(address: string | undefined, allow: readonly string[] | null): boolean {
    if (allow === null) return true
    if (this.#written !== allow) this.#compile(allow)
    const plain = unmapAddress(address ?? '')
    const family = isIP(plain)
    return family === 4 ? this.#v4.check(plain, 'ipv4') : family === 6 && this.#v6.check(plain, 'ipv6')
  }

  #compile(allow: readonly string[]): void {
    this.#written = allow
    this.#v4 = new BlockList()
    this.#v6 = new BlockList()
    for (const block of allow) {
      const [address = '', prefix] = block.split('/')
      if (isIP(address) === 4) this.#v4.addSubnet(address, Number(prefix ?? 32), 'ipv4')
      else this.#v6.addSubnet(address, Number(prefix ?? 128), 'ipv6')
    }
  }
}
