import type { LogOutput } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'
import { HttpSink } from './http-sink.ts'
import { type LineSink, openLineSink } from './line-sink.ts'
import { SyslogDatagramSink } from './syslog-datagram-sink.ts'
import { SyslogStreamSink } from './syslog-stream-sink.ts'

export type OutputKind = LogOutput['kind']

export interface LogOutputsParts {
  /** Of what waits for a slow stream or file, in bytes; outputs over a network have a bound of their own. */
  readonly bytesMax: number
  /** MSGID in syslog: `access`. */
  readonly messageId: string
  /** What is written, for the event log: `the access log`. */
  readonly what: string
  /** Told of outputs that cannot be reached; null for nobody. */
  readonly log: Logger | null
}

/** A file or stream is given what is left for so long when it is closed. */
const CLOSE_TIMEOUT_MS = 1_000

interface OpenOutput {
  readonly kind: OutputKind
  readonly sink: LineSink
}

/**
 * The outputs of one log, each with a bound of its own: one that is slow loses lines and holds up no other. Those that a new configuration still
 * has go on as they are.
 */
export class LogOutputs {
  readonly #parts: LogOutputsParts
  /** By what is configured. */
  #open = new Map<string, OpenOutput>()
  #sinks: readonly LineSink[] = []
  #prepared: Map<string, OpenOutput> | null = null
  /** No longer configured; they still write what is left. */
  readonly #closing = new Set<OpenOutput>()
  /** Lines lost by outputs that are closed. */
  readonly #droppedBefore = new Map<OutputKind, number>()
  /** Largest chunk that every output takes in one piece. */
  chunkBytesMax = 0

  constructor(parts: LogOutputsParts) {
    this.#parts = parts
  }

  get isEmpty(): boolean {
    return this.#sinks.length === 0
  }

  /** Takes ASCII text of whole lines, at most {@link chunkBytesMax} long. */
  write(chunk: string): void {
    for (const sink of this.#sinks) sink.write(chunk)
  }

  /** Opens files anew after they have been rotated. */
  reopen(): void {
    for (const sink of this.#sinks) sink.reopen()
  }

  /**
   * Opens what a new configuration names; lines go on to the old outputs until {@link commit}.
   * @throws the system's error when one cannot be opened; nothing has changed then.
   */
  prepare(outputs: readonly LogOutput[]): void {
    this.abandon()
    const prepared = new Map<string, OpenOutput>()
    this.#prepared = prepared
    try {
      for (const output of outputs) {
        const key = JSON.stringify(output)
        prepared.set(key, this.#open.get(key) ?? { kind: output.kind, sink: this.#sinkOf(output) })
      }
    } catch (error) {
      this.abandon()
      throw error
    }
  }

  /** Swaps to the prepared outputs, if there are any. */
  commit(): void {
    const prepared = this.#prepared
    if (prepared === null) return
    this.#prepared = null
    const left = [...this.#open].filter(([key]) => !prepared.has(key))
    this.#use(prepared)
    for (const [, output] of left) void this.#close(output, CLOSE_TIMEOUT_MS)
  }

  /** Closes what was prepared. */
  abandon(): void {
    for (const [key, { sink }] of this.#prepared ?? []) if (!this.#open.has(key)) void sink.close(0)
    this.#prepared = null
  }

  /** Writes what is left, for at most a second. */
  async close(): Promise<void> {
    this.abandon()
    const open = [...this.#open.values()]
    this.#use(new Map())
    await Promise.all(open.map((output) => this.#close(output, CLOSE_TIMEOUT_MS)))
  }

  /** Lines that were lost since the start, by the kind of output. */
  dropped(): ReadonlyMap<OutputKind, number> {
    const all = new Map(this.#droppedBefore)
    for (const { kind, sink } of [...this.#open.values(), ...this.#closing]) all.set(kind, (all.get(kind) ?? 0) + sink.droppedLines)
    return all
  }

  #use(outputs: Map<string, OpenOutput>): void {
    this.#open = outputs
    this.#sinks = [...outputs.values()].map(({ sink }) => sink)
    this.chunkBytesMax = Math.min(...this.#sinks.map(({ chunkBytesMax }) => chunkBytesMax))
  }

  async #close(output: OpenOutput, timeoutMs: number): Promise<void> {
    const { kind, sink } = output
    this.#closing.add(output)
    await sink.close(timeoutMs)
    this.#closing.delete(output)
    this.#droppedBefore.set(kind, (this.#droppedBefore.get(kind) ?? 0) + sink.droppedLines)
  }

  #sinkOf(output: LogOutput): LineSink {
    const { bytesMax, what, log, messageId } = this.#parts
    switch (output.kind) {
      case 'stdout':
      case 'stderr':
        return openLineSink(output.kind, bytesMax)
      case 'file':
        return openLineSink(output.path, bytesMax)
      case 'http':
        return new HttpSink(output, what, log)
      case 'syslog':
        return output.transport === 'udp'
          ? new SyslogDatagramSink(output, { messageId, what, log })
          : new SyslogStreamSink(output, { messageId, what, log })
    }
  }
}
