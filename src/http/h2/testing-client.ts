import { connect, type Socket } from 'node:net'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import {
  CLIENT_PREFACE,
  CONTINUATION,
  DATA,
  errorName,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  readUint32,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHeader,
  writeSettings,
} from './frames.ts'
import { type FieldSink, HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'

type Fields = readonly (readonly [string, string])[]

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'h'],
]
export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)]

/** Any frame. */
export function frame(type: number, flags: number, streamId: number, payload: string | Buffer = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  writeFrameHeader(head, 0, body.length, type, flags, streamId)
  return Buffer.concat([head, body])
}

/** Four bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A client that sends frame by frame what a test says, and writes down what comes. */
export class TestClient implements FrameSink, FieldSink {
  /** What has come, one line for a frame: `HEADERS 1 END 200`, `DATA 1 hello`, `RST_STREAM 1 CANCEL`, `GOAWAY 1 NO_ERROR`, …; `closed`. */
  readonly frames: string[] = []
  readonly reader: FrameReader = new FrameReader(this)
  readonly socket: Socket
  /** Bytes of DATA that have come. */
  dataBytes = 0
  /** Fields of the last HEADERS. */
  fields: [string, string][] = []
  readonly #encoder = new HpackEncoder()
  readonly #decoder = new HpackDecoder()
  #data = ''
  #block: Buffer[] = []
  #flags = 0
  #waiting: { readonly pattern: RegExp; readonly from: number; readonly resolve: (line: string) => void }[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => this.reader.read(bytes, 0, bytes.length))
    socket.on('close', () => this.#tell('closed'))
    socket.on('error', () => {})
  }

  /** Connects, and sends nothing. */
  static async connectRaw(port: number): Promise<TestClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new TestClient(socket)
  }

  /** Connects, and sends preface and SETTINGS. */
  static async connect(port: number, settings: readonly number[] = []): Promise<TestClient> {
    const client = await TestClient.connectRaw(port)
    const bytes = Buffer.alloc(9 + settings.length * 3)
    writeSettings(bytes, 0, settings)
    client.send(CLIENT_PREFACE, bytes)
    return client
  }

  send(...pieces: readonly Buffer[]): this {
    this.socket.write(Buffer.concat(pieces))
    return this
  }

  /** A field block, coded by this client's encoder. */
  block(fields: Fields): Buffer {
    const bytes = Buffer.alloc(fields.reduce((sum, [name, value]) => sum + HpackEncoder.fieldSizeMax(name, value), 16))
    this.#encoder.begin(bytes, 0)
    for (const [name, value] of fields) this.#encoder.writeField(name, value)
    return bytes.subarray(0, this.#encoder.end())
  }

  /** A HEADERS frame. */
  headers(streamId: number, fields: Fields = GET, flags: number = FLAG_END_HEADERS | FLAG_END_STREAM): Buffer {
    return frame(HEADERS, flags, streamId, this.block(fields))
  }

  /** Waits for a line of {@link frames} that matches, from the line `from` on. */
  line(pattern: RegExp, from = 0): Promise<string> {
    const seen = this.frames.slice(from).find((line) => pattern.test(line))
    if (seen !== undefined) return Promise.resolve(seen)
    return new Promise((resolve) => {
      this.#waiting.push({ pattern, from, resolve })
    })
  }

  /** Waits until something is so, which a frame has to bring about. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.line(/./, this.frames.length)
  }

  /** Waits until all that was sent has been looked at: a PING comes back. */
  async settle(): Promise<void> {
    const from = this.frames.length
    this.send(frame(PING, 0, 0, 'settling'))
    await this.line(/^(PING ACK settling|closed)/, from)
  }

  /** Error of the connection, once it has come. */
  async goaway(): Promise<string> {
    return (await this.line(/^GOAWAY/)).replace(/^GOAWAY \d+ /, '')
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #tell(line: string): void {
    this.frames.push(line)
    this.#waiting = this.#waiting.filter(({ pattern, resolve }) => {
      if (!pattern.test(line)) return true
      resolve(line)
      return false
    })
  }

  onFrameBegin(): void {
    this.#data = ''
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.dataBytes += end - start
    this.#data += bytes.latin1Slice(start, Math.min(end, start + 200))
  }

  onFrame(bytes: Buffer, start: number, end: number): void {
    const { type, flags, streamId } = this.reader
    const isEnd = flags & FLAG_END_STREAM ? ' END' : ''
    if (type === DATA) this.#tell(`DATA ${streamId}${isEnd} ${this.#data}`)
    else if (type === HEADERS || type === CONTINUATION) this.#onBlock(bytes, start, end)
    else if (type === RST_STREAM) this.#tell(`RST_STREAM ${streamId} ${errorName(readUint32(bytes, start))}`)
    else if (type === GOAWAY) this.#tell(`GOAWAY ${readUint32(bytes, start)} ${errorName(readUint32(bytes, start + 4))}`)
    else if (type === WINDOW_UPDATE) this.#tell(`WINDOW_UPDATE ${streamId} ${readUint32(bytes, start)}`)
    else if (type === PING) this.#tell(`PING ${flags & FLAG_ACK ? 'ACK ' : ''}${bytes.latin1Slice(start, end)}`)
    else if (type === SETTINGS) this.#tell(`SETTINGS${flags & FLAG_ACK ? ' ACK' : ''}`)
    else this.#tell(`type ${type}`)
  }

  #onBlock(bytes: Buffer, start: number, end: number): void {
    const { type, flags, streamId } = this.reader
    if (type === HEADERS) {
      this.#block = []
      this.#flags = flags
    }
    this.#block.push(Buffer.from(bytes.subarray(start, end)))
    if ((flags & FLAG_END_HEADERS) === 0) return
    this.fields = []
    const whole = Buffer.concat(this.#block)
    const isDecoded = this.#decoder.decode(whole, 0, whole.length, this)
    const status = this.fields.find(([name]) => name === ':status')?.[1] ?? 'trailers'
    this.#tell(`HEADERS ${streamId}${this.#flags & FLAG_END_STREAM ? ' END' : ''} ${isDecoded ? status : 'broken'}`)
  }

  onField(bytes: Buffer, start: number, nameLength: number, valueLength: number): boolean {
    const valueStart = start + nameLength + 2
    this.fields.push([bytes.latin1Slice(start, start + nameLength), bytes.latin1Slice(valueStart, valueStart + valueLength)])
    return true
  }

  onFrameFault(code: number): void {
    this.#tell(`fault ${errorName(code)}`)
  }
}
