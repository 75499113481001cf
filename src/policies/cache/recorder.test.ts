import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Loss, Recorder, RecordingRoom } from './recorder.ts'

const MIB = Buffer.alloc(2 ** 20)

function record(room: RecordingRoom, bytesMax: number): { readonly recorder: Recorder; readonly outcomes: (number | Loss)[] } {
  const outcomes: (number | Loss)[] = []
  const recorder = new Recorder(bytesMax, room, (pieces, bytes) => outcomes.push(typeof pieces === 'string' ? pieces : bytes))
  return { recorder, outcomes }
}

test('a body is taken in up to its bound, and told of once', () => {
  const { recorder, outcomes } = record(new RecordingRoom(), 4)
  recorder.onData(Buffer.from('xx1234xx'), 2, 6)
  recorder.onEnd(null)
  recorder.onAbort()
  recorder.onData(Buffer.from('5'), 0, 1)
  assert.deepEqual(outcomes, [4])
  const beyond = record(new RecordingRoom(), 3)
  beyond.recorder.onData(Buffer.from('1234'), 0, 4)
  beyond.recorder.onEnd(null)
  assert.deepEqual(beyond.outcomes, ['too large'])
})

test('all that are taken in at once have one room, which each gives back however it ends', () => {
  const room = new RecordingRoom()
  const all = Array.from({ length: 64 }, () => record(room, 2 ** 30))
  for (const { recorder } of all) recorder.onData(MIB, 0, MIB.length)
  const late = record(room, 2 ** 30)
  late.recorder.onData(MIB, 0, 1)
  assert.deepEqual(late.outcomes, ['no room'])
  for (const [i, { recorder }] of all.entries()) {
    if (i % 2 === 0) recorder.onEnd(null)
    else recorder.onAbort()
  }
  const again = Array.from({ length: 64 }, () => record(room, 2 ** 30))
  for (const { recorder } of again) recorder.onData(MIB, 0, MIB.length)
  assert.deepEqual(
    again.flatMap(({ outcomes }) => outcomes),
    [],
  )
})
