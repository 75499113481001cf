import { hostname } from 'node:os'

/** What the messages of one log have in common. */
export interface SyslogOrigin {
  /** 0 to 23 (RFC 5424, 6.2.1). */
  readonly facility: number
  readonly appName: string
  /** MSGID: which log it is. */
  readonly messageId: string
}

const INFORMATIONAL = 6
/** Numbers of RFC 5424, 6.2.1, by the level that the event log writes first in a line. Lines of other logs begin otherwise. */
const SEVERITIES: readonly (readonly [start: string, severity: number])[] = [
  ['{"level":"error"', 3],
  ['{"level":"warn"', 4],
  ['{"level":"debug"', 7],
]

/** Makes messages of RFC 5424 from lines: `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID - LINE`. Lines are ASCII, and so are they. */
export class SyslogFormat {
  readonly #facility: number
  readonly #rest: string

  constructor({ facility, appName, messageId }: SyslogOrigin) {
    this.#facility = facility
    // RFC 5424, 6: HOSTNAME is printable ASCII without blanks, `-` where it is not known.
    const host = hostname()
      .replaceAll(/[^\x21-\x7e]/g, '')
      .slice(0, 255)
    this.#rest = ` ${host === '' ? '-' : host} ${appName} ${process.pid} ${messageId} - `
  }

  /** @param time as RFC 3339 writes it */
  message(line: string, time: string): string {
    let severity = INFORMATIONAL
    if (line.startsWith('{"level"')) severity = SEVERITIES.find(([start]) => line.startsWith(start))?.[1] ?? INFORMATIONAL
    return `<${this.#facility * 8 + severity}>1 ${time}${this.#rest}${line}`
  }
}
