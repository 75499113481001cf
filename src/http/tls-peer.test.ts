import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { ClientTls, type ClientTlsSettings, TlsPeer } from './tls-peer.ts'

const SETTINGS: ClientTlsSettings = { ca: null, cert: null, key: null, passphrase: null, serverName: null, verify: true, minVersion: '1.2' }
const HOUR_MS = 3_600_000

function peerOf(host: string, settings: Partial<ClientTlsSettings> = {}): TlsPeer {
  return new TlsPeer(new ClientTls({ ...SETTINGS, ...settings }), host)
}

/** Has the peer give a session on a connection whose certificate ends so much later. */
function giveSession(peer: TlsPeer, session: string, certificateMs: number, isResumed = false): void {
  const socket = Object.assign(new EventEmitter(), {
    isSessionReused: () => isResumed,
    getPeerX509Certificate: () => ({ validToDate: new Date(Date.now() + certificateMs) }),
  })
  peer.keepSessions(socket as unknown as TLSSocket)
  socket.emit('session', Buffer.from(session))
}

function sessionOf(peer: TlsPeer): string | undefined {
  return peer.options(['h2']).session?.toString()
}

function freezeTime(t: TestContext): void {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
}

test('names are asked for, addresses are not', () => {
  assert.equal(peerOf('a.test').options([]).servername, 'a.test')
  assert.equal(peerOf('a.test.').options([]).servername, 'a.test')
  assert.equal(peerOf('10.0.0.1').options([]).servername, undefined)
  assert.equal(peerOf('::1').options([]).servername, undefined)
  assert.equal(peerOf('10.0.0.1', { serverName: 'a.test' }).options([]).servername, 'a.test')
  assert.equal(peerOf('a.test', { serverName: '10.0.0.1' }).options([]).servername, undefined)
})

test('the newest session is resumed', (t) => {
  freezeTime(t)
  const peer = peerOf('a.test')
  assert.equal(sessionOf(peer), undefined)
  giveSession(peer, 'one', 100 * HOUR_MS)
  giveSession(peer, 'two', 100 * HOUR_MS)
  assert.equal(sessionOf(peer), 'two')
})

test('a session ends with its certificate', (t) => {
  freezeTime(t)
  const peer = peerOf('a.test')
  giveSession(peer, 'one', 60_000)
  t.mock.timers.tick(59_999)
  assert.equal(sessionOf(peer), 'one')
  t.mock.timers.tick(1)
  assert.equal(sessionOf(peer), undefined)
})

test('after an hour the certificate is looked at again, however often the session was resumed', (t) => {
  freezeTime(t)
  const peer = peerOf('a.test')
  giveSession(peer, 'one', 100 * HOUR_MS)
  t.mock.timers.tick(HOUR_MS / 2)
  giveSession(peer, 'two', 100 * HOUR_MS, true)
  assert.equal(sessionOf(peer), 'two')
  t.mock.timers.tick(HOUR_MS / 2)
  assert.equal(sessionOf(peer), undefined)
  giveSession(peer, 'three', 100 * HOUR_MS)
  assert.equal(sessionOf(peer), 'three')
})
