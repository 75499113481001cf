import type { HttpOutput } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'
import { BatchSender } from './batch-sender.ts'
import { countLines, type LineSink, NETWORK_CHUNK_BYTES } from './line-sink.ts'

/** Lines as newline-delimited JSON, by HTTP. */
export class HttpSink implements LineSink {
  readonly chunkBytesMax = NETWORK_CHUNK_BYTES
  readonly #sender: BatchSender

  constructor(output: HttpOutput, what: string, log: Logger | null) {
    const format = { contentType: 'application/x-ndjson', prefix: '', separator: '', suffix: '' }
    this.#sender = new BatchSender(output, { format, what, log })
  }

  get droppedLines(): number {
    return this.#sender.dropped
  }

  write(chunk: string): void {
    this.#sender.add(chunk, countLines(chunk))
  }

  reopen(): void {}

  close(timeoutMs: number): Promise<void> {
    return this.#sender.close(timeoutMs)
  }
}
