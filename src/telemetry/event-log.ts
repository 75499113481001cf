import pino from 'pino'
import type { LogOutput } from '../core/log-settings.ts'
import type { Logger } from '../core/observe.ts'
import { LogOutputs, type OutputKind } from './log-outputs.ts'
import { escapeNonAscii } from './log-text.ts'

export type EventLogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface EventLogOptions {
  /** `info` by default. */
  readonly level?: EventLogLevel
  /** Fields of every line, `{ worker: 3 }` say. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** A file descriptor or path; 2, which is stderr, by default. */
  readonly destination?: number | string
}

/** Fields that could hold a secret, at the top and one level down. What is logged is chosen with care; this is the second net. */
const SECRET_FIELDS = ['authorization', 'cookie', 'password', 'secret', 'token', 'apiKey']

const OUTPUT_BYTES_MAX = 1024 * 1024

/**
 * The event log: JSON lines on stderr. Every line is written there before the call returns, so that the last words before an exit are
 * not lost; it is for rare events only, never for something each request does. A configuration may name outputs that get the lines too; those
 * never block.
 */
export class EventLog implements Logger {
  readonly #outputs: LogOutputs
  readonly #pino: Logger

  constructor(options: EventLogOptions = {}) {
    this.#outputs = new LogOutputs({ bytesMax: OUTPUT_BYTES_MAX, messageId: 'event', what: 'the event log', log: this })
    const first = pino.destination({ dest: options.destination ?? 2, sync: true })
    // A full disk or a closed stderr must not end the process: what cannot be written is lost.
    first.on('error', () => {})
    this.#pino = pino(
      {
        level: options.level ?? 'info',
        base: { pid: process.pid, ...options.fields },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[hidden]' },
        messageKey: 'message',
      },
      {
        write: (line: string) => {
          first.write(line)
          if (!this.#outputs.isEmpty) this.#outputs.write(escapeNonAscii(line))
        },
      },
    )
  }

  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.info(fields, message)
  }

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.warn(fields, message)
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.error(fields, message)
  }

  /** Takes the outputs of the configuration in force. With one that cannot be opened all stay as they were, and that is told. */
  use(outputs: readonly LogOutput[]): void {
    try {
      // Where lines go anyway they need not go twice.
      this.#outputs.prepare(outputs.filter(({ kind }) => kind !== 'stderr'))
      this.#outputs.commit()
    } catch (error) {
      this.error({ reason: error instanceof Error ? error.message : String(error) }, 'an output of the event log cannot be opened')
    }
  }

  /** Opens files anew after they have been rotated. */
  reopen(): void {
    this.#outputs.reopen()
  }

  /** Lines that outputs have lost since the start, by their kind. */
  dropped(): ReadonlyMap<OutputKind, number> {
    return this.#outputs.dropped()
  }

  /** Gives the outputs what is left, for at most a second. Lines still go to stderr. */
  close(): Promise<void> {
    return this.#outputs.close()
  }
}

export function createEventLog(options: EventLogOptions = {}): EventLog {
  return new EventLog(options)
}
