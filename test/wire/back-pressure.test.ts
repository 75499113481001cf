/** A side that does not read holds the other back, and no more than a bounded buffer is kept in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRig } from './harness.ts'
import { fieldOf, type Peer } from './peer.ts'

const TOTAL = 64 * 2 ** 20
const PIECE = Buffer.alloc(64 * 1024, 'x')
/** Buffers of the kernel on both connections, and ours: far less than the whole. */
const STALLED_BYTES_MAX = 24 * 2 ** 20

/** Writes TOTAL bytes as quickly as they are taken. */
function pour(peer: Peer, piece: Buffer = PIECE): () => number {
  let sent = 0
  const more = (): void => {
    while (sent < TOTAL && !peer.socket.destroyed) {
      sent += PIECE.length
      if (!peer.socket.write(piece)) {
        peer.socket.once('drain', more)
        return
      }
    }
  }
  more()
  return () => peer.socket.bytesWritten - peer.socket.writableLength
}

/** Waits until no more is taken, and returns how much was. */
async function stalledAt(taken: () => number): Promise<number> {
  for (let before = -1; ; ) {
    const now = taken()
    if (now === before && now > 0) return now
    before = now
    await sleep(100)
  }
}

for (const framing of ['length', 'chunked'] as const) {
  test(`a client that does not read holds the service back, and then gets everything (${framing})`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect(true)
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const service = await rig.upstream.accept()
    await service.readRequest()
    const head = framing === 'length' ? `Content-Length: ${TOTAL}` : 'Transfer-Encoding: chunked'
    service.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`)
    const chunk = Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from('\r\n')])
    const before = process.memoryUsage()
    const taken = await stalledAt(pour(service, framing === 'length' ? PIECE : chunk))
    const after = process.memoryUsage()
    assert.ok(taken < STALLED_BYTES_MAX, `${taken} bytes were taken`)
    assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 2 ** 20, 'what is kept is bounded')
    let received = 0
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.length
    })
    client.socket.resume()
    const done = setInterval(() => {
      if (framing === 'chunked' && service.socket.writableLength === 0 && service.socket.bytesWritten >= TOTAL) {
        clearInterval(done)
        service.write('0\r\n\r\n')
      }
    }, 10)
    await client.ended().finally(() => clearInterval(done))
    assert.equal(client.ending, 'finished')
    assert.ok(received >= TOTAL)
  })
}

test('a service that does not read holds the client back, and then gets everything', async (context) => {
  const rig = await startRig(context)
  rig.upstream.paused = true
  const client = await rig.connect()
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${TOTAL}\r\n\r\n`)
  const service = await rig.upstream.accept()
  const taken = await stalledAt(pour(client))
  assert.ok(taken < STALLED_BYTES_MAX, `${taken} bytes were taken`)
  let received = 0
  const arrived = new Promise<void>((resolve) => {
    service.socket.on('data', (bytes: Buffer) => {
      received += bytes.length
      if (received >= TOTAL) resolve()
    })
  })
  service.socket.resume()
  await arrived
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const { head, body } = await client.readResponse()
  assert.equal(body, 'ok')
  assert.equal(fieldOf(head, 'connection'), undefined, 'the connection goes on')
})

test('a client that pipelines and does not read is not read from beyond a bound', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  const service = rig.upstream.accept()
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await (await service).readRequest()
  const taken = await stalledAt(pour(client))
  assert.ok(taken < STALLED_BYTES_MAX, `${taken} bytes were taken while the first answer waits`)
})
