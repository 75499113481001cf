import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import {
  CONTINUATION,
  DATA,
  ENHANCE_YOUR_CALM,
  errorName,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  frameBlock,
  GOAWAY,
  HEADERS,
  NO_ERROR,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  readUint32,
  SETTINGS,
  WINDOW_UPDATE,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from './frames.ts'
import { ENABLE_PUSH, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, PeerSettings } from './settings.ts'

/** Writes down what a reader tells: frames with their payload, data put together, or the fault. */
class Recorder implements FrameSink {
  readonly reader: FrameReader = new FrameReader(this)
  readonly told: string[] = []
  #data = ''

  onFrameBegin(): void {
    this.#data = ''
  }

  onData(bytes: Buffer, start: number, end: number): void {
    assert.ok(end > start)
    this.#data += bytes.latin1Slice(start, end)
  }

  onFrame(bytes: Buffer, start: number, end: number): void {
    const { type, flags, streamId, dependency } = this.reader
    this.told.push(`${type} ${flags} ${streamId} ${dependency} ${this.#data}${bytes.latin1Slice(start, end)}`)
  }

  onFrameFault(code: number): void {
    this.told.push(errorName(code))
  }

  read(...pieces: readonly Buffer[]): readonly string[] {
    for (const piece of pieces) {
      const own = Buffer.from(piece)
      this.reader.read(own, 0, own.length)
      // The bytes are those of the transport, which writes over them.
      own.fill(0x7a)
    }
    return this.told
  }
}

function frame(type: number, flags: number, streamId: number, payload: string | Buffer = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  writeFrameHeader(head, 0, body.length, type, flags, streamId)
  return Buffer.concat([head, body])
}

const CONVERSATION = Buffer.concat([
  frame(SETTINGS, 0, 0, '\0\x03\0\0\0\x64'),
  frame(HEADERS, FLAG_PADDED | FLAG_PRIORITY, 1, '\x03\0\0\0\x05\x10block___'),
  frame(CONTINUATION, FLAG_END_HEADERS, 1, 'more'),
  frame(DATA, FLAG_PADDED, 1, '\x02data__'),
  frame(DATA, FLAG_PADDED, 1, '\x03___'),
  frame(DATA, FLAG_END_STREAM, 1),
  frame(HEADERS, FLAG_END_HEADERS, 3, ''),
  frame(PRIORITY, 0, 5, '\0\0\0\x07\0'),
  frame(0x21, 0xff, 9, 'of no known type'),
  frame(RST_STREAM, 0, 3, '\0\0\0\x08'),
  frame(WINDOW_UPDATE, 0, 0, '\0\0\0\x01'),
  frame(PING, 0, 0, '12345678'),
  frame(GOAWAY, 0, 0, '\0\0\0\0\0\0\0\0bye'),
])
const TOLD = [
  '4 0 0 -1 \0\x03\0\0\0\x64',
  '1 40 1 5 block',
  '9 4 1 -1 more',
  '0 8 1 -1 data',
  '0 8 1 -1 ',
  '0 1 1 -1 ',
  '1 4 3 -1 ',
  '2 0 5 7 \0\0\0\x07\0',
  '33 255 9 -1 ',
  '3 0 3 -1 \0\0\0\x08',
  '8 0 0 -1 \0\0\0\x01',
  '6 0 0 -1 12345678',
  '7 0 0 -1 \0\0\0\0\0\0\0\0bye',
]

test('frames read the same however their bytes are cut', () => {
  assert.deepEqual(new Recorder().read(CONVERSATION), TOLD)
  for (let cut = 1; cut < CONVERSATION.length; cut++) {
    assert.deepEqual(new Recorder().read(CONVERSATION.subarray(0, cut), CONVERSATION.subarray(cut)), TOLD, `cut at ${cut}`)
  }
  const single = Array.from(CONVERSATION, (byte) => Buffer.from([byte]))
  assert.deepEqual(new Recorder().read(...single), TOLD)
})

const open = frame(HEADERS, 0, 1, 'x')
const FAULTS: readonly (readonly [string, number, ...Buffer[]])[] = [
  ['DATA on stream 0', PROTOCOL_ERROR, frame(DATA, 0, 0, 'x')],
  ['HEADERS on stream 0', PROTOCOL_ERROR, frame(HEADERS, 4, 0, 'x')],
  ['PRIORITY on stream 0', PROTOCOL_ERROR, frame(PRIORITY, 0, 0, '12345')],
  ['RST_STREAM on stream 0', PROTOCOL_ERROR, frame(RST_STREAM, 0, 0, '1234')],
  ['CONTINUATION on stream 0', PROTOCOL_ERROR, frame(CONTINUATION, 4, 0, 'x')],
  ['SETTINGS on a stream', PROTOCOL_ERROR, frame(SETTINGS, 0, 1)],
  ['PING on a stream', PROTOCOL_ERROR, frame(PING, 0, 1, '12345678')],
  ['GOAWAY on a stream', PROTOCOL_ERROR, frame(GOAWAY, 0, 1, '12345678')],
  ['PUSH_PROMISE', PROTOCOL_ERROR, frame(PUSH_PROMISE, 4, 1, '12345678')],
  ['CONTINUATION without HEADERS', PROTOCOL_ERROR, frame(CONTINUATION, 4, 1, 'x')],
  ['CONTINUATION behind the end of a block', PROTOCOL_ERROR, frame(HEADERS, 4, 1, 'x'), frame(CONTINUATION, 4, 1, 'x')],
  ['CONTINUATION of another stream', PROTOCOL_ERROR, open, frame(CONTINUATION, 4, 3, 'x')],
  ['DATA within a block', PROTOCOL_ERROR, open, frame(DATA, 0, 1, 'x')],
  ['PING within a block', PROTOCOL_ERROR, open, frame(PING, 0, 0, '12345678')],
  ['an unknown frame within a block', PROTOCOL_ERROR, open, frame(0x30, 0, 1)],
  ['HEADERS within a block', PROTOCOL_ERROR, open, frame(HEADERS, 4, 3, 'x')],
  ['DATA padded beyond its end', PROTOCOL_ERROR, frame(DATA, FLAG_PADDED, 1, '\x03ab')],
  ['HEADERS padded beyond their end', PROTOCOL_ERROR, frame(HEADERS, FLAG_PADDED, 1, '\x03ab')],
  ['HEADERS padded into their priority', PROTOCOL_ERROR, frame(HEADERS, FLAG_PADDED | FLAG_PRIORITY, 1, '\x0112345')],
  ['padded DATA without padding', FRAME_SIZE_ERROR, frame(DATA, FLAG_PADDED, 1)],
  ['padded HEADERS without padding', FRAME_SIZE_ERROR, frame(HEADERS, FLAG_PADDED, 1)],
  ['HEADERS too short for their priority', FRAME_SIZE_ERROR, frame(HEADERS, FLAG_PRIORITY, 1, '1234')],
  ['a frame larger than the limit', FRAME_SIZE_ERROR, frame(DATA, 0, 1, 'x'.repeat(16_385))],
  ['an unknown frame larger than the limit', FRAME_SIZE_ERROR, frame(0x40, 0, 0, 'x'.repeat(16_385))],
  ['PRIORITY of four bytes', FRAME_SIZE_ERROR, frame(PRIORITY, 0, 1, '1234')],
  ['RST_STREAM of three bytes', FRAME_SIZE_ERROR, frame(RST_STREAM, 0, 1, '123')],
  ['SETTINGS of five bytes', FRAME_SIZE_ERROR, frame(SETTINGS, 0, 0, '12345')],
  ['an acknowledgement of SETTINGS with settings', FRAME_SIZE_ERROR, frame(SETTINGS, 1, 0, '123456')],
  ['PING of seven bytes', FRAME_SIZE_ERROR, frame(PING, 0, 0, '1234567')],
  ['GOAWAY of seven bytes', FRAME_SIZE_ERROR, frame(GOAWAY, 0, 0, '1234567')],
  ['WINDOW_UPDATE of five bytes', FRAME_SIZE_ERROR, frame(WINDOW_UPDATE, 0, 0, '12345')],
]

for (const [what, code, ...frames] of FAULTS) {
  test(`${what} is a ${errorName(code)}, and nothing behind it is read`, () => {
    const bytes = Buffer.concat([...frames, frame(PING, 0, 0, '12345678')])
    for (const pieces of [[bytes], Array.from(bytes, (byte) => Buffer.from([byte]))]) {
      assert.equal(new Recorder().read(...pieces).at(-1), errorName(code))
    }
  })
}

test('a reader that is stopped from within a call reads no further', () => {
  const recorder = new Recorder()
  const sink = new FrameReader({
    onFrameBegin: () => {},
    onData: () => {},
    onFrame: () => {
      sink.stop()
      recorder.told.push('frame')
    },
    onFrameFault: () => {},
  })
  sink.read(CONVERSATION, 0, CONVERSATION.length)
  assert.deepEqual(recorder.told, ['frame'])
})

test('whether a head has begun and not ended is known at each byte', () => {
  const { reader } = new Recorder()
  const bytes = Buffer.concat([frame(HEADERS, 0, 1, 'ab'), frame(CONTINUATION, 4, 1, 'c'), frame(DATA, 0, 1, 'abc')])
  const within = Array.from(bytes, (_, i) => {
    reader.read(bytes, i, i + 1)
    return reader.isWithinHead ? 1 : 0
  })
  // The last byte of the block ends it; of DATA only the header counts.
  assert.equal(within.join(''), `${'1'.repeat(20)}0${'1'.repeat(8)}0000`)
})

test('what is written is read as it was meant', () => {
  const target = Buffer.alloc(200)
  let at = writeSettings(target, 0, [MAX_CONCURRENT_STREAMS, 100, INITIAL_WINDOW_SIZE, 0x7fffffff])
  at = writeSettingsAck(target, at)
  at = writePing(target, at, true, Buffer.from('__12345678'), 2)
  at = writeRstStream(target, at, 0x7fffffff, ENHANCE_YOUR_CALM)
  at = writeWindowUpdate(target, at, 3, 0x7fffffff)
  at = writeGoaway(target, at, 7, NO_ERROR, 'idle')
  assert.deepEqual(new Recorder().read(target.subarray(0, at)), [
    '4 0 0 -1 \0\x03\0\0\0\x64\0\x04\x7f\xff\xff\xff',
    '4 1 0 -1 ',
    '6 1 0 -1 12345678',
    '3 0 2147483647 -1 \0\0\0\x0b',
    '8 0 3 -1 \x7f\xff\xff\xff',
    '7 0 0 -1 \0\0\0\x07\0\0\0\0idle',
  ])
})

test('numbers of 32 bits are read without a sign', () => {
  assert.equal(readUint32(Buffer.from('ffffffff80000000', 'hex'), 0), 0xffffffff)
  assert.equal(readUint32(Buffer.from('ffffffff80000000', 'hex'), 4), 0x80000000)
})

test('a block of any size is cut into frames that are no larger than the peer takes', () => {
  fc.assert(
    fc.property(fc.nat({ max: 200 }), fc.integer({ min: 1, max: 70 }), (size, frameSizeMax) => {
      const at = 3
      const block = Buffer.from(Array.from({ length: size }, (_, i) => i))
      const target = Buffer.alloc(at + 9 + size + 9 * 200)
      block.copy(target, at + 9)
      const end = frameBlock(target, at, at + 9 + size, FLAG_END_STREAM, 5, frameSizeMax)
      const told = new Recorder().read(target.subarray(at, end))
      assert.equal(told.length, Math.max(1, Math.ceil(size / frameSizeMax)))
      assert.equal(told.map((text) => text.replace(/^[19] \d+ 5 -1 /, '')).join(''), block.toString('latin1'))
      assert.match(told[0] ?? '', told.length === 1 ? /^1 5 / : /^1 1 /)
      assert.match(told.at(-1) ?? '', told.length === 1 ? /^1 5 / : /^9 4 /)
    }),
    { seed: 4, numRuns: 400 },
  )
})

/** Applies settings and tells the code. */
function apply(settings: PeerSettings, ...pairs: readonly number[]): number {
  const bytes = Buffer.alloc(9 + pairs.length * 3)
  writeSettings(bytes, 0, pairs)
  return settings.apply(bytes, 9, bytes.length)
}

test('settings are taken over, unknown ones ignored and the last of several counts', () => {
  const settings = new PeerSettings()
  assert.equal(
    apply(settings, 0x99, 7, HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, 1, INITIAL_WINDOW_SIZE, 9, MAX_FRAME_SIZE, 0xffffff),
    NO_ERROR,
  )
  const { headerTableSize, enablePush, maxConcurrentStreams, initialWindowSize, maxFrameSize, maxHeaderListSize } = settings
  assert.deepEqual([headerTableSize, enablePush, maxConcurrentStreams], [0, 1, 0xffffffff])
  assert.deepEqual([initialWindowSize, maxFrameSize, maxHeaderListSize], [9, 0xffffff, 0xffffffff])
})

test('settings out of their range are refused as RFC 9113, 6.5.2 says', () => {
  assert.equal(apply(new PeerSettings(), ENABLE_PUSH, 2), PROTOCOL_ERROR)
  assert.equal(apply(new PeerSettings(), INITIAL_WINDOW_SIZE, 0x80000000), FLOW_CONTROL_ERROR)
  assert.equal(apply(new PeerSettings(), MAX_FRAME_SIZE, 16_383), PROTOCOL_ERROR)
  assert.equal(apply(new PeerSettings(), MAX_FRAME_SIZE, 0x1000000), PROTOCOL_ERROR)
})
