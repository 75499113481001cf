/** RFC 9113, 6: types of frames. */
export const DATA = 0x0
export const HEADERS = 0x1
export const PRIORITY = 0x2
export const RST_STREAM = 0x3
export const SETTINGS = 0x4
export const PUSH_PROMISE = 0x5
export const PING = 0x6
export const GOAWAY = 0x7
export const WINDOW_UPDATE = 0x8
export const CONTINUATION = 0x9

export const FLAG_ACK = 0x1
export const FLAG_END_STREAM = 0x1
export const FLAG_END_HEADERS = 0x4
export const FLAG_PADDED = 0x8
export const FLAG_PRIORITY = 0x20

/** RFC 9113, 7: error codes. */
export const NO_ERROR = 0x0
export const PROTOCOL_ERROR = 0x1
export const INTERNAL_ERROR = 0x2
export const FLOW_CONTROL_ERROR = 0x3
export const SETTINGS_TIMEOUT = 0x4
export const STREAM_CLOSED = 0x5
export const FRAME_SIZE_ERROR = 0x6
export const REFUSED_STREAM = 0x7
export const CANCEL = 0x8
export const COMPRESSION_ERROR = 0x9
export const ENHANCE_YOUR_CALM = 0xb

const ERROR_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]

/** The name of an error code, for our own log. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`
}

/** What a client sends first (RFC 9113, 3.4), before its SETTINGS. */
export const CLIENT_PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export const FRAME_HEADER_BYTES = 9
/** Largest payload that is taken: what everybody begins with (SETTINGS_MAX_FRAME_SIZE), and we never raise. */
export const FRAME_SIZE_MAX = 16_384
export const STREAM_ID_MAX = 0x7fffffff
/** RFC 9113, 6.9.1: the largest window. */
export const WINDOW_MAX = 0x7fffffff
/** RFC 9113, 6.9.2: the windows that everybody begins with. */
export const WINDOW_FIRST = 65_535

/** Writes the header of a frame, whose payload of `length` bytes follows (RFC 9113, 4.1). Returns the end, as all of these do. */
export function writeFrameHeader(target: Buffer, at: number, length: number, type: number, flags: number, streamId: number): number {
  target[at] = length >>> 16
  target[at + 1] = length >>> 8
  target[at + 2] = length
  target[at + 3] = type
  target[at + 4] = flags
  return writeUint32(target, at + 5, streamId)
}

export function writeUint32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
  return at + 4
}

/** The number at `bytes[at]`, unsigned. */
export function readUint32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] as number) * 0x1000000 +
      (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))) >>>
    0
  )
}

/** The same without its highest bit, which is reserved wherever a stream or an increment stands (RFC 9113, 4.1 and 6.9). */
export function readUint31(bytes: Buffer, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff
}

/** 13 bytes. */
export function writeRstStream(target: Buffer, at: number, streamId: number, code: number): number {
  return writeUint32(target, writeFrameHeader(target, at, 4, RST_STREAM, 0, streamId), code)
}

/** 13 bytes. */
export function writeWindowUpdate(target: Buffer, at: number, streamId: number, increment: number): number {
  return writeUint32(target, writeFrameHeader(target, at, 4, WINDOW_UPDATE, 0, streamId), increment)
}

/** 17 bytes. @param payload eight bytes from `start` on */
export function writePing(target: Buffer, at: number, isAck: boolean, payload: Buffer, start: number): number {
  const body = writeFrameHeader(target, at, 8, PING, isAck ? FLAG_ACK : 0, 0)
  return body + payload.copy(target, body, start, start + 8)
}

/** 17 bytes and the reason, which the peer's developers read: at most {@link GOAWAY_REASON_MAX} ASCII characters of ours. */
export function writeGoaway(target: Buffer, at: number, lastStreamId: number, code: number, reason = ''): number {
  let end = writeFrameHeader(target, at, 8 + reason.length, GOAWAY, 0, 0)
  end = writeUint32(target, writeUint32(target, end, lastStreamId), code)
  return end + target.latin1Write(reason, end)
}
export const GOAWAY_REASON_MAX = 80

/** 9 bytes, and 6 for each setting. @param pairs identifiers and values in turn */
export function writeSettings(target: Buffer, at: number, pairs: readonly number[]): number {
  let end = writeFrameHeader(target, at, pairs.length * 3, SETTINGS, 0, 0)
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const id = pairs[i] as number
    target[end] = id >>> 8
    target[end + 1] = id
    end = writeUint32(target, end + 2, pairs[i + 1] as number)
  }
  return end
}

/** 9 bytes. */
export function writeSettingsAck(target: Buffer, at: number): number {
  return writeFrameHeader(target, at, 0, SETTINGS, FLAG_ACK, 0)
}

/**
 * Writes the frames of a field block that lies at `target[at + 9..end)`, behind the room for the first header: HEADERS, and CONTINUATION where
 * it is larger than a frame of the peer may be. `target` needs room for another 9 bytes per {@link FRAME_SIZE_MAX} of it.
 * @returns the end
 */
export function frameBlock(target: Buffer, at: number, end: number, flags: number, streamId: number, frameSizeMax: number): number {
  const length = end - at - FRAME_HEADER_BYTES
  if (length <= frameSizeMax) {
    writeFrameHeader(target, at, length, HEADERS, flags | FLAG_END_HEADERS, streamId)
    return end
  }
  // From the last piece to the first, since each moves over what follows it.
  const pieces = Math.ceil(length / frameSizeMax)
  for (let piece = pieces - 1; piece > 0; piece--) {
    const from = at + FRAME_HEADER_BYTES + piece * frameSizeMax
    const size = Math.min(frameSizeMax, end - from)
    const header = from + (piece - 1) * FRAME_HEADER_BYTES
    target.copyWithin(header + FRAME_HEADER_BYTES, from, from + size)
    writeFrameHeader(target, header, size, CONTINUATION, piece === pieces - 1 ? FLAG_END_HEADERS : 0, streamId)
  }
  writeFrameHeader(target, at, frameSizeMax, HEADERS, flags, streamId)
  return end + (pieces - 1) * FRAME_HEADER_BYTES
}
