import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import type { Counter, Logger } from '../core/observe.ts'
import type { DatagramRecords, RecordSink } from '../core/record-output.ts'

const FLUSH_INTERVAL_MS = 100
/** Bytes that wait for a name server. */
const WAITING_BYTES_MAX = 1024 * 1024
/** How long an address is used before its name is looked up again. */
const ADDRESS_MS = 30_000

export interface DatagramSenderParts {
  readonly log: Logger
  readonly dropped: Counter
}

/** Lines by UDP, gathered for a tenth of a second. */
export class DatagramSender implements RecordSink {
  readonly #output: DatagramRecords
  readonly #parts: DatagramSenderParts
  readonly #flushOnTimer = () => void this.#flush()
  #lines: string[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | null = null
  #socket: Socket | null = null
  #address = ''
  #family = 0
  #knownUntil = 0
  #turn: Promise<void> = Promise.resolve()
  #isFailing = false

  constructor(output: DatagramRecords, parts: DatagramSenderParts) {
    this.#output = output
    this.#parts = parts
  }

  write(record: string): void {
    if (this.#bytes + record.length > WAITING_BYTES_MAX) return this.#parts.dropped.add(1)
    this.#lines.push(record)
    this.#bytes += record.length
    this.#timer ??= setTimeout(this.#flushOnTimer, FLUSH_INTERVAL_MS).unref()
  }

  close(): void {
    void this.#flush().finally(() => this.#socket?.close())
  }

  /** One after the other. Never rejects. */
  #flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const lines = this.#lines
    this.#lines = []
    this.#turn = this.#turn
      .then(() => this.#send(lines))
      .finally(() => {
        this.#bytes -= lines.reduce((sum, line) => sum + line.length, 0)
      })
    return this.#turn
  }

  async #send(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return
    try {
      const socket = await this.#open()
      for (const datagram of datagramsOf(lines, this.#output.datagramBytesMax)) {
        await new Promise<void>((resolve, reject) => {
          socket.send(datagram, this.#output.port, this.#address, (error) => (error === null ? resolve() : reject(error)))
        })
      }
      this.#isFailing = false
    } catch (error) {
      this.#parts.dropped.add(lines.length)
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#isFailing) this.#parts.log.warn({ reason, host: this.#output.host }, 'a server for metrics cannot be reached')
      this.#isFailing = true
      this.#knownUntil = 0
    }
  }

  async #open(): Promise<Socket> {
    const now = performance.now()
    if (this.#socket !== null && now < this.#knownUntil) return this.#socket
    const { address, family } = await lookup(this.#output.host, { order: 'ipv4first' })
    this.#address = address
    this.#knownUntil = now + ADDRESS_MS
    if (this.#socket !== null && family === this.#family) return this.#socket
    this.#socket?.close()
    this.#family = family
    // Each send says by itself that it failed; without a listener an error would end the process.
    this.#socket = createSocket(family === 6 ? 'udp6' : 'udp4')
      .on('error', () => {})
      .unref()
    return this.#socket
  }
}

/** A line each, as many lines in a datagram as fit. */
function datagramsOf(lines: readonly string[], bytesMax: number): string[] {
  const datagrams: string[] = []
  for (const line of lines) {
    const last = datagrams.at(-1)
    if (last === undefined || last.length + 1 + line.length > bytesMax) datagrams.push(line)
    else datagrams[datagrams.length - 1] = `${last}\n${line}`
  }
  return datagrams
}
