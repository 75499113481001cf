import { writeAscii } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'
import { STATUS_TEXT } from '../../core/status-text.ts'
import type { Output } from '../output.ts'

/** Bytes that are written often, made once. */
const STATUS_LINES: (Buffer | undefined)[] = []

/** `HTTP/1.1 200 OK CRLF`. */
export function statusLine(status: number): Buffer {
  const seen = STATUS_LINES[status]
  if (seen !== undefined) return seen
  const line = Buffer.from(`HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? ''}\r\n`, 'latin1')
  STATUS_LINES[status] = line
  return line
}

/** The longest chunk head that is written: eight hexadecimal digits and a line break. */
export const chunkHeadBytesMax = 10
export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n')

/** Writes the head of a chunk of `size` bytes and returns the end. */
export function writeChunkHead(target: Buffer, offset: number, size: number): number {
  return writeAscii(target, offset, `${size.toString(16)}\r\n`)
}

/** Writes the last chunk with trailers. */
export function writeLastChunk(output: Output, trailers: Headers): void {
  output.reserve(trailers.sizeMax() + 8)
  output.length = writeAscii(output.buffer, output.length, '0\r\n')
  output.length = trailers.writeTo(output.buffer, output.length)
  output.length = writeAscii(output.buffer, output.length, '\r\n')
}

let date = ''
let dateLine = Buffer.alloc(0)
let dateSecond = 0

/** The time as a Date field says it (RFC 9110, 6.6.1); the text is made once a second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    date = new Date(second * 1000).toUTCString()
    dateLine = Buffer.from(`Date: ${date}\r\n`)
  }
  return date
}

/** Writes a Date field. */
export function writeDate(target: Buffer, offset: number): number {
  httpDate()
  return offset + dateLine.copy(target, offset)
}
