/** A DNS server for tests that answers as it is told, over UDP and TCP on one port. It writes messages by itself, so that it shares no mistake. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket as TcpSocket } from 'node:net'

export interface Asked {
  readonly id: number
  /** In lower case. */
  readonly name: string
  readonly type: string
  readonly transport: 'udp' | 'tcp'
  readonly hasEdns: boolean
  /** That it was sent from; 0 over TCP. */
  readonly port: number
}

/** `users.test 30 A 10.0.0.1`, as in a zone; SRV data is `priority weight port target`, SOA data the minimum alone. */
export type ZoneLine = string

export interface Scripted {
  readonly code?: number
  readonly truncated?: boolean
  readonly authoritative?: boolean
  readonly answers?: readonly ZoneLine[]
  readonly authorities?: readonly ZoneLine[]
  readonly additionals?: readonly ZoneLine[]
}

/** Bytes are sent as they are; null for no answer. */
type Script = (asked: Asked) => Scripted | Buffer | readonly Buffer[] | null

const TYPES: Readonly<Record<string, number>> = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, SRV: 33 }
const HEADER_BYTES = 12

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

export class ScriptedDnsServer {
  readonly asked: Asked[] = []
  /** What it answers; may be exchanged at any time. */
  script: Script
  /** Over TCP: how many bytes it writes at a time. */
  pieceBytes = Number.POSITIVE_INFINITY
  /** Over TCP: whether it closes when it has written. */
  closesTcp = false
  readonly #udp: UdpSocket = createSocket('udp4')
  readonly #tcp: Server

  constructor(script: Script) {
    this.script = script
    this.#udp.on('message', (query, from) => this.#onUdp(query, from))
    this.#tcp = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.setNoDelay()
      socket.on('data', (chunk: Buffer) => void this.#onTcp(socket, chunk.subarray(2)))
    })
  }

  /** One that ends with the test. */
  static async start(t: AfterHook, script: Script): Promise<ScriptedDnsServer> {
    for (;;) {
      const server = new ScriptedDnsServer(script)
      server.#udp.bind(0, '127.0.0.1')
      await once(server.#udp, 'listening')
      server.#tcp.listen(server.port, '127.0.0.1')
      try {
        await once(server.#tcp, 'listening')
        t.after(() => server.close())
        return server
      } catch {
        // Somebody else has the port for TCP.
        server.#udp.close()
      }
    }
  }

  get port(): number {
    return this.#udp.address().port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
  }

  #onUdp(query: Buffer, from: RemoteInfo): void {
    for (const bytes of this.#responses(query, 'udp', from.port)) this.#udp.send(bytes, from.port, from.address)
  }

  async #onTcp(socket: TcpSocket, query: Buffer): Promise<void> {
    for (const bytes of this.#responses(query, 'tcp', 0)) {
      const framed = Buffer.concat([numbers(bytes.length), bytes])
      for (let at = 0; at < framed.length; at += this.pieceBytes) {
        socket.write(framed.subarray(at, at + this.pieceBytes))
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    if (this.closesTcp) socket.end()
  }

  #responses(query: Buffer, transport: Asked['transport'], port: number): readonly Buffer[] {
    const asked: Asked = { ...readQuery(query), transport, port }
    this.asked.push(asked)
    const scripted = this.script(asked)
    if (scripted === null) return []
    if (Buffer.isBuffer(scripted)) return [scripted]
    return 'length' in scripted ? scripted : [responseBytes(asked, scripted)]
  }
}

/** A zone as a script: NXDOMAIN for names it does not have, NODATA for types, aliases followed once by the client. */
export function zone(lines: readonly ZoneLine[]): Script {
  return ({ name, type }) => {
    const own = lines.filter((line) => line.split(' ', 1)[0] === name)
    const answers = own.filter((line) => [type, 'CNAME'].includes(line.split(' ')[2] ?? ''))
    return answers.length > 0 ? { answers } : { code: own.length > 0 ? 0 : 3, authorities: ['test 60 SOA 1'] }
  }
}

function readQuery(query: Buffer): Omit<Asked, 'transport' | 'port'> {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  const code = query.readUInt16BE(at + 1)
  const [type = String(code)] = Object.entries(TYPES).find((entry) => entry[1] === code) ?? []
  return { id: query.readUInt16BE(0), name: labels.join('.').toLowerCase(), type, hasEdns: query.readUInt16BE(10) === 1 }
}

export function responseBytes(asked: Pick<Asked, 'id' | 'name' | 'type'>, scripted: Scripted): Buffer {
  const { code = 0, truncated = false, authoritative = false, answers = [], authorities = [], additionals = [] } = scripted
  const flags = 0x8180 | code | (truncated ? 0x0200 : 0) | (authoritative ? 0x0400 : 0)
  const header = numbers(asked.id, flags, 1, answers.length, authorities.length, additionals.length)
  const question = Buffer.concat([nameBytes(asked.name), numbers(TYPES[asked.type] ?? 0, 1)])
  return Buffer.concat([header, question, ...[...answers, ...authorities, ...additionals].map(recordBytes)])
}

function recordBytes(line: ZoneLine): Buffer {
  const [name = '', ttl, type = '', ...data] = line.split(' ')
  const bytes = dataBytes(type, data)
  const ttlBytes = Buffer.alloc(4)
  ttlBytes.writeUInt32BE(Number(ttl))
  return Buffer.concat([nameBytes(name), numbers(TYPES[type] ?? 0, 1), ttlBytes, numbers(bytes.length), bytes])
}

function dataBytes(type: string, data: readonly string[]): Buffer {
  const [first = ''] = data
  if (type === 'A') return Buffer.from(first.split('.').map(Number))
  if (type === 'AAAA') return numbers(...first.split(':').map((group) => Number.parseInt(group, 16)))
  if (type === 'SRV') return Buffer.concat([numbers(...data.slice(0, 3).map(Number)), nameBytes(data[3] ?? '')])
  if (type === 'SOA') return Buffer.concat([nameBytes('ns'), nameBytes('admin'), Buffer.alloc(16), numbers(0, Number(first))])
  if (type === 'TXT') return Buffer.concat([Buffer.of(first.length), Buffer.from(first)])
  return nameBytes(first)
}

/** Sixteen bits each. */
function numbers(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.of(value >> 8, value & 0xff)))
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])), Buffer.of(0)])
}
