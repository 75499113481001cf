/** Names that are looked up on this machine, as its other programs do. */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Answer } from './answer.ts'
import { bareName, type RecordType } from './message.ts'
import type { Resolve } from './resolver.ts'
import type { Families } from './targets.ts'

const LOOPBACK = ['127.0.0.1', '::1']
/** How soon the file of hosts is read again. */
const TTL_MS = 5_000
const FILE_BYTES_MAX = 1_048_576

/**
 * Answers addresses that stand for themselves, `localhost` and what is below it (RFC 6761, section 6.3), and what a file of hosts has,
 * without asking a server. A name in the file has the addresses that are there and no others.
 * @param hostsFile null for none
 */
export function withLocalNames(resolve: Resolve, hostsFile: string | null): Resolve {
  return async (question, signal) => {
    if (question.type === 'SRV') return resolve(question, signal)
    const name = bareName(question.name).toLowerCase()
    const addresses = ownAddresses(name) ?? (hostsFile === null ? null : await addressesInFile(hostsFile, name))
    if (addresses === null) return resolve(question, signal)
    return { answer: answerOf(addresses, question.type), server: 'hosts' }
  }
}

function ownAddresses(name: string): readonly string[] | null {
  if (isIP(name) !== 0) return [name]
  return name === 'localhost' || name.endsWith('.localhost') ? LOOPBACK : null
}

/** hosts(5). @returns null when it does not have the name, or cannot be read */
async function addressesInFile(file: string, name: string): Promise<readonly string[] | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    return null
  }
  if (text.length > FILE_BYTES_MAX) return null
  const addresses = text.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/)
    return isIP(address) !== 0 && names.some((other) => bareName(other).toLowerCase() === name) ? [address] : []
  })
  return addresses.length === 0 ? null : [...new Set(addresses)]
}

function answerOf(all: readonly string[], type: RecordType): Answer {
  const addresses = all.filter((address) => isIP(address) === (type === 'A' ? 4 : 6))
  return addresses.length > 0 ? { kind: 'addresses', addresses, ttlMs: TTL_MS } : { kind: 'none', why: 'NODATA', ttlMs: TTL_MS }
}

/**
 * The families of addresses that this machine can have connections with, as getaddrinfo(3) finds out for AI_ADDRCONFIG: a service must not
 * get targets that no connection leads to. Loopback and link-local addresses do not count; without any others it is IPv4.
 */
export function reachableFamilies(): Families {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const has = (family: string): boolean =>
    own.some((one) => one.family === family && !one.internal && !/^(fe80:|169\.254\.)/i.test(one.address))
  if (!has('IPv6')) return [4]
  return has('IPv4') ? [4, 6] : [6]
}
