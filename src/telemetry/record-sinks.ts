import type { Counter, Logger, Metrics } from '../core/observe.ts'
import type { FileRecords, HttpRecords, RecordOutput, RecordOutputs, RecordSink } from '../core/record-output.ts'
import { BatchSender } from './batch-sender.ts'
import { DatagramSender } from './datagram-sender.ts'
import { type LineSink, openLineSink } from './line-sink.ts'
import { StreamSender } from './stream-sender.ts'

const FILE_QUEUE_BYTES_MAX = 4 * 1024 * 1024
const FLUSH_INTERVAL_MS = 100
const REOPEN_INTERVAL_MS = 1_000
const CLOSE_TIMEOUT_MS = 1_000

interface Parts {
  readonly log: Logger
  readonly metrics: Metrics
}

/** What policies send records to. Sinks are closed by who keeps them; what they have left is written until {@link close} has ended. */
export class RecordSinks implements RecordOutputs {
  readonly #parts: Parts
  readonly #files = new Set<FileRecordSink>()
  readonly #closing = new Set<Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  open(output: RecordOutput): RecordSink {
    const { log, metrics } = this.#parts
    const dropped = metrics.counter('gateway_records_dropped_total', 'Records of policies lost because their output was slow or away.', {
      output: output.kind,
    })
    const onClose = (closed: Promise<void>): void => this.#onClose(closed)
    switch (output.kind) {
      case 'file': {
        const sink: FileRecordSink = new FileRecordSink(output, dropped, (closed) => {
          this.#files.delete(sink)
          onClose(closed)
        })
        this.#files.add(sink)
        return sink
      }
      case 'http':
        return new HttpRecordSink(output, log, dropped, onClose)
      case 'udp':
        return new DatagramSender(output, { log, dropped })
      case 'tcp':
        return new StreamSender(output, { log, dropped, onClose })
    }
  }

  /** Opens files anew after they have been rotated. */
  reopen(): void {
    for (const file of this.#files) file.reopen()
  }

  /** Waits for what closed sinks have left, a second at most. */
  async close(): Promise<void> {
    await Promise.all(this.#closing)
  }

  #onClose(closed: Promise<void>): void {
    this.#closing.add(closed)
    void closed.finally(() => this.#closing.delete(closed))
  }
}

/** Records as lines of a file, gathered for a tenth of a second. */
class FileRecordSink implements RecordSink {
  readonly #sink: LineSink
  readonly #reopens: boolean
  readonly #dropped: Counter
  readonly #onClose: (closed: Promise<void>) => void
  readonly #flushOnTimer = () => this.#flush()
  #batch = ''
  #timer: NodeJS.Timeout | null = null
  #openedAt = performance.now()
  #toldDropped = 0

  constructor({ path, reopen }: FileRecords, dropped: Counter, onClose: (closed: Promise<void>) => void) {
    this.#sink = openLineSink(path, FILE_QUEUE_BYTES_MAX)
    this.#reopens = reopen
    this.#dropped = dropped
    this.#onClose = onClose
  }

  write(record: string): void {
    if (this.#batch.length + record.length + 1 > this.#sink.chunkBytesMax) this.#flush()
    if (record.length + 1 > this.#sink.chunkBytesMax) return this.#dropped.add(1)
    this.#batch += `${record}\n`
    this.#timer ??= setTimeout(this.#flushOnTimer, FLUSH_INTERVAL_MS).unref()
  }

  reopen(): void {
    this.#flush()
    this.#sink.reopen()
  }

  close(): void {
    this.#flush()
    this.#onClose(this.#sink.close(CLOSE_TIMEOUT_MS).then(() => this.#tellDropped()))
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#batch === '') return
    const batch = this.#batch
    this.#batch = ''
    if (this.#reopens && performance.now() - this.#openedAt > REOPEN_INTERVAL_MS) {
      this.#openedAt = performance.now()
      this.#sink.reopen()
    }
    this.#sink.write(batch)
    this.#tellDropped()
  }

  #tellDropped(): void {
    const { droppedLines } = this.#sink
    this.#dropped.add(droppedLines - this.#toldDropped)
    this.#toldDropped = droppedLines
  }
}

class HttpRecordSink implements RecordSink {
  readonly #sender: BatchSender
  readonly #dropped: Counter
  readonly #onClose: (closed: Promise<void>) => void
  #toldDropped = 0

  constructor(output: HttpRecords, log: Logger, dropped: Counter, onClose: (closed: Promise<void>) => void) {
    const { url, headers, intervalMs, timeoutMs, queueBytesMax, recordsMax, method, contentType } = output
    const receiver = { url, headers, gzip: false, ca: null, batchBytesMax: queueBytesMax, intervalMs, timeoutMs, queueBytesMax }
    const isList = recordsMax > 1
    const format = { contentType, method, entriesMax: recordsMax, prefix: isList ? '[' : '', separator: ',', suffix: isList ? ']' : '' }
    this.#sender = new BatchSender(receiver, { format, what: 'records of exchanges', log })
    this.#dropped = dropped
    this.#onClose = onClose
  }

  write(record: string): void {
    this.#sender.add(record, 1)
    this.#tellDropped()
  }

  close(): void {
    this.#onClose(this.#sender.close(CLOSE_TIMEOUT_MS).then(() => this.#tellDropped()))
  }

  #tellDropped(): void {
    const { dropped } = this.#sender
    this.#dropped.add(dropped - this.#toldDropped)
    this.#toldDropped = dropped
  }
}
