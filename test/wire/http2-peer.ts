import type { Peer } from './peer.ts'

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A frame as bytes. */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}

/** A field block without any compression (RFC 7541, 6.2.2 with a new name). */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => Buffer.concat([length(value.length), Buffer.from(value, 'latin1')])
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** RFC 7541, 5.1 with a prefix of seven bits. */
function length(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>>= 7) bytes.push(128 | (rest & 127))
  return Buffer.from([...bytes, rest])
}

/** A service that speaks HTTP/2 frame by frame, as a test says. */
export class Http2Peer {
  readonly peer: Peer

  constructor(peer: Peer) {
    this.peer = peer
  }

  /** Reads the client's preface and sends SETTINGS. @param settings identifiers and values */
  async start(...settings: readonly (readonly [number, number])[]): Promise<this> {
    const preface = await this.peer.readBytes(PREFACE.length)
    if (preface !== PREFACE) throw new Error(`no preface: ${JSON.stringify(preface)}`)
    const payload = Buffer.alloc(settings.length * 6)
    for (const [i, [id, value]] of settings.entries()) {
      payload.writeUInt16BE(id, i * 6)
      payload.writeUInt32BE(value, i * 6 + 2)
    }
    this.send(SETTINGS, 0, 0, payload)
    return this
  }

  send(type: number, flags: number, stream: number, payload: Buffer | string = ''): void {
    this.peer.write(frame(type, flags, stream, payload))
  }

  async readFrame(): Promise<Frame> {
    const head = Buffer.from(await this.peer.readBytes(9), 'latin1')
    const payload = Buffer.from(await this.peer.readBytes(head.readUIntBE(0, 3)), 'latin1')
    return { type: head[3] ?? 0, flags: head[4] ?? 0, stream: head.readUInt32BE(5), payload }
  }

  /** The next frame of a type; what comes before it is passed over. */
  async next(type: number): Promise<Frame> {
    for (;;) {
      const found = await this.readFrame()
      if (found.type === type && !((type === SETTINGS || type === PING) && (found.flags & ACK) !== 0)) return found
    }
  }

  /** The stream of the next request. */
  async request(): Promise<number> {
    return (await this.next(HEADERS)).stream
  }

  head(stream: number, status: number, fields: readonly (readonly [string, string])[] = [], isEnd = false): void {
    this.send(HEADERS, END_HEADERS | (isEnd ? END_STREAM : 0), stream, block([[':status', String(status)], ...fields]))
  }

  data(stream: number, text: string, isEnd = false): void {
    this.send(DATA, isEnd ? END_STREAM : 0, stream, text)
  }

  /** A whole answer. */
  answer(stream: number, text: string): void {
    this.head(stream, 200)
    this.data(stream, text, true)
  }

  reset(stream: number, code: number): void {
    this.send(RST_STREAM, 0, stream, uint32(code))
  }

  goAway(lastStream: number, code = 0): void {
    this.send(GOAWAY, 0, 0, uint32(lastStream, code))
  }
}
