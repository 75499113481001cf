/** DNS messages (RFC 1035, section 4) as far as a client needs them: one question out, an answer in. */

export type RecordType = 'A' | 'AAAA' | 'SRV'

export interface Question {
  /** Absolute, with or without the dot at its end. */
  readonly name: string
  readonly type: RecordType
}

/** RFC 2782. */
export interface SrvData {
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** In lower case without the dot at its end; empty for the root, which says that there is no such service. */
  readonly target: string
}

/** What a record says; those of other types are left out. */
type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME'; readonly target: string }
  | ({ readonly type: 'SRV' } & SrvData)
  | { readonly type: 'SOA'; readonly minimum: number }
  | { readonly type: 'NS' }

export type ResourceRecord = RecordData & {
  /** In lower case without the dot at its end. */
  readonly name: string
  /** Seconds. */
  readonly ttl: number
}

export interface DnsResponse {
  readonly id: number
  readonly isAuthoritative: boolean
  readonly isTruncated: boolean
  /** RFC 1035, section 4.1.1. */
  readonly code: number
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
}

export const CODE = { noError: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const

/** Largest message over UDP that we take: it fits into one packet on any path (RFC 6891, section 6.2.5). */
const UDP_BYTES_MAX = 1_232

const TYPE_CODES = { A: 1, NS: 2, CNAME: 5, SOA: 6, AAAA: 28, SRV: 33 } as const
const TYPE_OPT = 41
const CLASS_IN = 1
const HEADER_BYTES = 12
const LABEL_BYTES_MAX = 63
const NAME_BYTES_MAX = 255
const FLAG_RESPONSE = 0x8000
const FLAG_AUTHORITATIVE = 0x0400
const FLAG_TRUNCATED = 0x0200
const FLAG_RECURSION_DESIRED = 0x0100
const OPCODE_BITS = 0x7800

/** Bytes that are no DNS message. */
class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

/**
 * A query for one question.
 * @param withEdns whether to say how large an answer may be (RFC 6891); old servers refuse to understand that
 * @returns null for a name that cannot be asked for: an empty label, too long, or with bytes that no host's name has
 */
export function encodeQuery(id: number, { name, type }: Question, withEdns: boolean): Buffer | null {
  const labels = bareName(name).split('.')
  const isName = labels.every((label) => /^[\w-]+$/.test(label) && label.length <= LABEL_BYTES_MAX)
  if (!isName || bareName(name).length + 2 > NAME_BYTES_MAX) return null
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(FLAG_RECURSION_DESIRED, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(withEdns ? 1 : 0, 10)
  const encoded = labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  const end = Buffer.of(0, 0, TYPE_CODES[type], 0, CLASS_IN)
  const edns = Buffer.of(0, 0, TYPE_OPT, UDP_BYTES_MAX >> 8, UDP_BYTES_MAX & 0xff, 0, 0, 0, 0, 0, 0)
  return Buffer.concat([header, ...encoded, end, ...(withEdns ? [edns] : [])])
}

/**
 * Whether bytes are the response to this very question: id, question and direction (RFC 5452, section 9.1). What is not is no answer of
 * the server's, whoever sent it, and is to be ignored.
 */
export function answersQuestion(bytes: Buffer, id: number, { name, type }: Question): boolean {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== id) return false
  const flags = bytes.readUInt16BE(2)
  if ((flags & FLAG_RESPONSE) === 0 || (flags & OPCODE_BITS) !== 0 || bytes.readUInt16BE(4) !== 1) return false
  try {
    const reader = new Reader(bytes, HEADER_BYTES)
    return reader.name() === bareName(name).toLowerCase() && reader.uint16() === TYPE_CODES[type] && reader.uint16() === CLASS_IN
  } catch (error) {
    if (error instanceof MalformedError) return false
    throw error
  }
}

/** @returns null when the bytes are no whole response. One that is truncated is read as far as its header. */
export function decodeResponse(bytes: Buffer): DnsResponse | null {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof MalformedError) return null
    throw error
  }
}

function decode(bytes: Buffer): DnsResponse {
  const reader = new Reader(bytes, 0)
  const id = reader.uint16()
  const flags = reader.uint16()
  const [questions, answers, authorities, additionals] = [reader.uint16(), reader.uint16(), reader.uint16(), reader.uint16()]
  const isTruncated = (flags & FLAG_TRUNCATED) !== 0
  for (let i = 0; i < questions; i++) {
    reader.name()
    reader.skip(4)
  }
  // A truncated message may end anywhere; nothing in it is used (RFC 2181, section 9).
  const read = (count: number): ResourceRecord[] => (isTruncated ? [] : readRecords(reader, count))
  return {
    id,
    isAuthoritative: (flags & FLAG_AUTHORITATIVE) !== 0,
    isTruncated,
    code: flags & 0x0f,
    answers: read(answers),
    authorities: read(authorities),
    additionals: read(additionals),
  }
}

/** A count that lies ends at the end of the bytes: each record takes eleven of them at least. */
function readRecords(reader: Reader, count: number): ResourceRecord[] {
  const records: ResourceRecord[] = []
  for (let i = 0; i < count; i++) {
    const name = reader.name()
    const type = reader.uint16()
    const isInternet = reader.uint16() === CLASS_IN
    const ttl = reader.uint32()
    const length = reader.uint16()
    const end = reader.at + length
    const data = isInternet ? readData(reader, type, length) : null
    if (data !== null && reader.at !== end) throw new MalformedError()
    reader.goTo(end)
    // With the highest bit set it means 0 (RFC 2181, section 8).
    if (data !== null) records.push({ name, ttl: ttl > 0x7fff_ffff ? 0 : ttl, ...data })
  }
  return records
}

function readData(reader: Reader, type: number, length: number): RecordData | null {
  switch (type) {
    case TYPE_CODES.A:
      if (length !== 4) throw new MalformedError()
      return { type: 'A', address: [...reader.bytes(4)].join('.') }
    case TYPE_CODES.AAAA:
      if (length !== 16) throw new MalformedError()
      return { type: 'AAAA', address: ipv6Text(reader.bytes(16)) }
    case TYPE_CODES.CNAME:
      return { type: 'CNAME', target: reader.name() }
    case TYPE_CODES.SRV: {
      const [priority, weight, port] = [reader.uint16(), reader.uint16(), reader.uint16()]
      return { type: 'SRV', priority, weight, port, target: reader.name() }
    }
    case TYPE_CODES.SOA:
      reader.name()
      reader.name()
      reader.skip(16)
      return { type: 'SOA', minimum: reader.uint32() }
    case TYPE_CODES.NS:
      reader.name()
      return { type: 'NS' }
    default:
      return null
  }
}

/** The one text of an IPv6 address that everybody writes (RFC 5952). */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  // The URL parser shortens as RFC 5952 says.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** Without the dot at its end. */
export function bareName(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

/** Reads forward; throws a {@link MalformedError} where the bytes end too early. */
class Reader {
  at: number
  readonly #bytes: Buffer

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  goTo(at: number): void {
    if (at > this.#bytes.length) throw new MalformedError()
    this.at = at
  }

  skip(count: number): void {
    this.goTo(this.at + count)
  }

  bytes(count: number): Buffer {
    const from = this.at
    this.skip(count)
    return this.#bytes.subarray(from, this.at)
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE(0)
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE(0)
  }

  /**
   * A name in lower case without the dot at its end; bytes that no host's name has are written `\ddd` (RFC 1035, section 5.1). A pointer of
   * the compression (section 4.1.4) must lead before the place where the part that it ends began, so that there is no loop.
   */
  name(): string {
    const bytes = this.#bytes
    const labels: string[] = []
    let length = 1
    let at = this.at
    let before = this.at
    let after = -1
    for (;;) {
      const first = bytes[at]
      if (first === undefined) throw new MalformedError()
      if (first === 0) break
      if (first >= 0xc0) {
        const second = bytes[at + 1]
        const to = ((first & 0x3f) << 8) | (second ?? 0)
        if (second === undefined || to >= before) throw new MalformedError()
        if (after === -1) after = at + 2
        before = to
        at = to
        continue
      }
      length += first + 1
      // 0x40 and 0x80 mean nothing any more (RFC 6891, section 5).
      if (first > LABEL_BYTES_MAX || length > NAME_BYTES_MAX || at + 1 + first > bytes.length) throw new MalformedError()
      labels.push(labelText(bytes.subarray(at + 1, at + 1 + first)))
      at += first + 1
    }
    this.at = after === -1 ? at + 1 : after
    return labels.join('.')
  }
}

function labelText(label: Buffer): string {
  const text = label.toString('latin1')
  if (/^[\w-]*$/.test(text)) return text.toLowerCase()
  return text.toLowerCase().replaceAll(/[^!-~]|[.\\]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, '0')}`)
}
