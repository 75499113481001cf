import pino from 'pino'
import type { Logger } from '../core/observe.ts'

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

/**
 * The event log: JSON lines on stderr. Every line is written before the call returns, so that the last words before an exit are
 * not lost; it is for rare events only, never for something each request does.
 */
export function createEventLog(options: EventLogOptions = {}): Logger {
  const destination = pino.destination({ dest: options.destination ?? 2, sync: true })
  // A full disk or a closed stderr must not end the process: what cannot be written is lost.
  destination.on('error', () => {})
  return pino(
    {
      level: options.level ?? 'info',
      base: { pid: process.pid, ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[hidden]' },
      messageKey: 'message',
    },
    destination,
  )
}
