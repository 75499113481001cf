import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  CONTINUATION,
  DATA,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './frames.ts'
import { frame, GET, POST, TestClient, uint32 } from './testing-client.ts'
import { TestServer } from './testing-server.ts'

/** A well-formed conversation of many kinds of frames, behind the preface. */
function conversation(client: TestClient): Buffer {
  return Buffer.concat([
    client.headers(1, [...GET, ['cookie', 'a=b'], ['x-y', 'z']]),
    client.headers(3, [...POST, ['content-length', '6']], FLAG_END_HEADERS),
    frame(DATA, FLAG_PADDED, 3, '\x02abc__'),
    frame(PING, 0, 0, '12345678'),
    client.headers(5, POST, 0),
    frame(CONTINUATION, FLAG_END_HEADERS, 5, client.block([['x', 'y']])),
    frame(WINDOW_UPDATE, 0, 0, uint32(1000)),
    frame(WINDOW_UPDATE, 0, 3, uint32(1000)),
    frame(DATA, FLAG_END_STREAM, 3, 'def'),
    frame(DATA, 0, 5, 'ghi'),
    frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(3)])),
    client.headers(5, [['x-t', '1']]),
    client.headers(7),
    frame(RST_STREAM, 0, 7, uint32(8)),
    frame(PRIORITY, 0, 9, `${'\0'.repeat(4)}x`),
    client.headers(9, [...GET.slice(0, 2), [':path', '/late'], ...GET.slice(3)]),
  ])
}

type Mutation = readonly ['set' | 'insert' | 'delete' | 'cut' | 'repeat', number, number]

/** The positions are fractions of the length, in 16 bits. */
function mutate(bytes: Buffer, [kind, where, value]: Mutation): Buffer {
  const at = Math.floor((where / 65_536) * bytes.length)
  if (kind === 'cut') return bytes.subarray(0, at)
  if (kind === 'delete') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (value & 15))])
  if (kind === 'insert') return Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at)])
  if (kind === 'repeat') return Buffer.concat([bytes.subarray(0, at + value), bytes.subarray(at)])
  const copy = Buffer.from(bytes)
  if (at < copy.length) copy[at] = value
  return copy
}

const mutation = fc.tuple(fc.constantFrom('set', 'insert', 'delete', 'cut', 'repeat'), fc.nat({ max: 65_535 }), fc.nat({ max: 255 }))
const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(mutation, { minLength: 1, maxLength: 4 })

test('whatever becomes of the bytes of a client, its exchanges end and nothing of it is left', async () => {
  await using server = await TestServer.start({
    limits: { halfCloseGraceMs: 20, streamsMax: 3 },
    answer: (handler) => {
      if (handler.exchange.request.path === '/late') setImmediate(() => handler.aborted ?? handler.reply(200, 'late'))
      else
        handler.body(
          (body) => handler.reply(200, body),
          (error) => {
            if (error.code !== 'client_closed') handler.reply(400, error.code)
          },
        )
    },
  })
  let clients = 0
  for (const list of fc.sample(mutations, { seed: 9113, numRuns: 400 })) {
    using client = await TestClient.connect(server.port)
    clients++
    const bytes = list.reduce(mutate, conversation(client))
    const half = bytes.length >>> 1
    client.send(bytes.subarray(0, half))
    await new Promise(setImmediate)
    client.send(bytes.subarray(half))
    client.socket.end()
    await client.line(/^closed/)
    assert.ok(!client.frames.some((line) => line.startsWith('fault') || line.endsWith('broken')), client.frames.join('; '))
  }
  await server.untilClosed(clients)
  assert.deepEqual([server.connections.value, server.requestsInFlight.value], [0, 0])
  // Each that began has ended, one way or the other.
  const ended = server.events.filter((event) => /^(finished|aborted)/.test(event)).length
  assert.equal(ended * 2, server.events.length)
})
