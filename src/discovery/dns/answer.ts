/** What a response says to a question. */
import { CODE, type DnsResponse, type Question, type ResourceRecord, type SrvData } from './message.ts'

/** An SRV record with the addresses of its target, where the response had them. */
export interface SrvTarget extends SrvData {
  readonly addresses: readonly string[]
}

export type Answer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlMs: number }
  | { readonly kind: 'services'; readonly services: readonly SrvTarget[]; readonly ttlMs: number }
  /** The name, or such a record of it, is not there (RFC 2308). */
  | { readonly kind: 'none'; readonly why: 'NXDOMAIN' | 'NODATA'; readonly ttlMs: number }

type Reading =
  | Answer
  /** The records are those of another name, which the response says nothing of. */
  | { readonly kind: 'alias'; readonly name: string; readonly ttlMs: number }
  | { readonly kind: 'fault'; readonly reason: string }

/** Of the records of one response that have a meaning for us; the rest is left out. */
const RECORDS_MAX = 1_000
/** Links of a chain of aliases. */
export const ALIASES_MAX = 16

const CODE_NAMES: Readonly<Record<number, string>> = {
  [CODE.formatError]: 'FORMERR',
  [CODE.serverFailure]: 'SERVFAIL',
  [CODE.notImplemented]: 'NOTIMP',
  [CODE.refused]: 'REFUSED',
}

/** Reads a response, and follows the aliases (CNAME) in it: the name's records may be those of another (RFC 1034, section 3.6.2). */
export function readResponse(response: DnsResponse, { name, type }: Question): Reading {
  const { code, answers, authorities } = response
  if (code !== CODE.noError && code !== CODE.noSuchName) return { kind: 'fault', reason: CODE_NAMES[code] ?? `code ${code}` }
  let owner = name.toLowerCase()
  let ttl = Number.POSITIVE_INFINITY
  for (let links = 0; ; links++) {
    const records = answers.filter((record) => record.name === owner && record.type === type)
    if (records.length > 0) return found(records.slice(0, RECORDS_MAX), ttl, response)
    const alias = answers.find((record) => record.name === owner && record.type === 'CNAME')
    if (alias?.type !== 'CNAME') break
    if (links === ALIASES_MAX) return { kind: 'fault', reason: `more than ${ALIASES_MAX} aliases (CNAME) in a row` }
    owner = alias.target
    ttl = Math.min(ttl, alias.ttl)
  }
  const authority = authorities.find((record) => record.type === 'SOA')
  const negativeTtl = authority === undefined ? 0 : Math.min(authority.ttl, authority.minimum)
  if (code === CODE.noSuchName) return { kind: 'none', why: 'NXDOMAIN', ttlMs: Math.min(ttl, negativeTtl) * 1_000 }
  if (authority === undefined && owner !== name.toLowerCase()) return { kind: 'alias', name: owner, ttlMs: ttl * 1_000 }
  // RFC 2308, section 2.2: it knows who may know, and does not ask them for us.
  if (authority === undefined && !response.isAuthoritative && authorities.some((record) => record.type === 'NS'))
    return { kind: 'fault', reason: 'a referral: the server does not look names up for others' }
  return { kind: 'none', why: 'NODATA', ttlMs: Math.min(ttl, negativeTtl) * 1_000 }
}

/** @param ttl of the aliases that lead here, in seconds */
function found(records: readonly ResourceRecord[], ttl: number, { additionals }: DnsResponse): Answer {
  const used = [...records]
  const addresses: string[] = []
  const services: SrvTarget[] = []
  for (const record of records) {
    if (record.type === 'A' || record.type === 'AAAA') addresses.push(record.address)
    if (record.type !== 'SRV') continue
    const { priority, weight, port, target } = record
    const own = additionals.flatMap((other) => {
      if (other.name !== target || (other.type !== 'A' && other.type !== 'AAAA')) return []
      used.push(other)
      return other.address
    })
    services.push({ priority, weight, port, target, addresses: own.slice(0, RECORDS_MAX) })
  }
  const ttlMs = used.reduce((least, record) => Math.min(least, record.ttl), ttl) * 1_000
  return services.length > 0 ? { kind: 'services', services, ttlMs } : { kind: 'addresses', addresses: [...new Set(addresses)], ttlMs }
}
