import { FLOW_CONTROL_ERROR, FRAME_SIZE_MAX, NO_ERROR, PROTOCOL_ERROR, readUint32, WINDOW_FIRST, WINDOW_MAX } from './frames.ts'
import { TABLE_SIZE } from './hpack-decoder.ts'

/** RFC 9113, 6.5.2: identifiers of settings. */
export const HEADER_TABLE_SIZE = 0x1
export const ENABLE_PUSH = 0x2
export const MAX_CONCURRENT_STREAMS = 0x3
export const INITIAL_WINDOW_SIZE = 0x4
export const MAX_FRAME_SIZE = 0x5
export const MAX_HEADER_LIST_SIZE = 0x6

/** What the peer has set for what we send; the defaults of RFC 9113, 6.5.2 until it does. */
export class PeerSettings {
  headerTableSize: number = TABLE_SIZE
  /** 1 when the peer takes pushed responses, which we never send. */
  enablePush = 1
  maxConcurrentStreams = 0xffffffff
  initialWindowSize: number = WINDOW_FIRST
  maxFrameSize: number = FRAME_SIZE_MAX
  maxHeaderListSize = 0xffffffff

  /**
   * Takes over the payload of a SETTINGS frame, whose length the frame reader has found to be a multiple of six.
   * @returns NO_ERROR, or the code of a connection error (RFC 9113, 6.5.2)
   */
  apply(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at + 6 <= end; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
      const value = readUint32(bytes, at + 2)
      switch (id) {
        case HEADER_TABLE_SIZE:
          this.headerTableSize = value
          break
        case ENABLE_PUSH:
          if (value > 1) return PROTOCOL_ERROR
          this.enablePush = value
          break
        case MAX_CONCURRENT_STREAMS:
          this.maxConcurrentStreams = value
          break
        case INITIAL_WINDOW_SIZE:
          if (value > WINDOW_MAX) return FLOW_CONTROL_ERROR
          this.initialWindowSize = value
          break
        case MAX_FRAME_SIZE:
          if (value < FRAME_SIZE_MAX || value > 0xffffff) return PROTOCOL_ERROR
          this.maxFrameSize = value
          break
        case MAX_HEADER_LIST_SIZE:
          this.maxHeaderListSize = value
          break
        // RFC 9113, 6.5.2: what is unknown is ignored.
      }
    }
    return NO_ERROR
  }
}
