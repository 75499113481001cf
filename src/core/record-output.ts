import type { Resource } from './resources.ts'

/** Where policies send records of exchanges. */
export type RecordOutput = FileRecords | HttpRecords | DatagramRecords | StreamRecords

/** A file that records are appended to, each on a line of its own. */
export interface FileRecords {
  readonly kind: 'file'
  readonly path: string
  /** Whether it is opened anew under its name each second, for programs that rotate it without a word. */
  readonly reopen: boolean
}

/** A server that is sent records by HTTP. */
export interface HttpRecords {
  readonly kind: 'http'
  readonly url: string
  readonly method: 'POST' | 'PUT' | 'PATCH'
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly contentType: string
  /** Records in one request. With 1 its body is the record; with more a JSON array. */
  readonly recordsMax: number
  /** Longest wait for a batch to fill. */
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Bound of what waits, in bytes. */
  readonly queueBytesMax: number
}

/** A server that is sent lines by UDP. */
export interface DatagramRecords {
  readonly kind: 'udp'
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** Lines are joined up to so many bytes in a datagram; 0 for one line in each. */
  readonly datagramBytesMax: number
}

/** A server that is sent lines by TCP. */
export interface StreamRecords {
  readonly kind: 'tcp'
  readonly host: string
  readonly port: number
}

/** Takes records off the path of requests: no call waits, throws or ends the process, whatever state the other end is in. */
export interface RecordSink extends Resource {
  /** Takes one record: ASCII, without a line break. What finds no room is dropped and counted. */
  write(record: string): void
}

/** Opens outputs for policies, which keep them as resources. */
export interface RecordOutputs {
  /** @throws the system's error when a file cannot be opened */
  open(output: RecordOutput): RecordSink
}

/** Where nothing is sent: under `explain`, and in tests. */
export const NO_OUTPUTS: RecordOutputs = { open: () => ({ write: () => {}, close: () => {} }) }
