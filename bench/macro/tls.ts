/**
 * Handshakes. Each connection does one, one request, and is closed. The generator is our own: wrk resumes whenever it can, and
 * nothing says so. Here each connection is looked at, and one that did otherwise than it should fails the run.
 */
import { connect, createSecureContext } from 'node:tls'
import { HANDSHAKE } from './front.ts'
import { costOf, type LoadResult, percentiles } from './load.ts'
import { BARE, PEERS, type Scenario } from './scenario.ts'

/** Connections at once. A client's handshake costs more than a server's: with more they wait for the generator only. */
const CONNECTIONS = 16
const TIMEOUT_MS = 10_000
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nConnection: close\r\n\r\n'

type Kind = 'full' | 'resumed'

// Newer versions of OpenSSL would rather agree on a hybrid key exchange, which older servers do not have.
const CONTEXT = createSecureContext({ ...HANDSHAKE, ecdhCurve: 'X25519' })

/** One connection with one request. @returns the session that the server gave, if it gave one */
function connectOnce(port: number, session: Buffer | null): Promise<{ readonly isResumed: boolean; readonly session: Buffer | null }> {
  return new Promise((resolve, reject) => {
    let next: Buffer | null = null
    let answer = ''
    let isResumed = false
    const socket = connect({
      host: '127.0.0.1',
      port,
      secureContext: CONTEXT,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      ...(session !== null && { session }),
    })
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)))
    socket.on('error', reject)
    // Sent once the handshake is done.
    socket.write(REQUEST)
    socket.on('secureConnect', () => {
      isResumed = socket.isSessionReused()
    })
    socket.on('session', (ticket) => {
      next = ticket
    })
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
    })
    socket.on('close', () => {
      if (answer.startsWith('HTTP/1.1 200 ')) resolve({ isResumed, session: next })
      else reject(new Error(`a connection was answered ${JSON.stringify(answer.slice(0, 100))}`))
    })
  })
}

/** Connections without a pause, each of which resumes the latest session of its row. */
async function connectAll(port: number, kind: Kind, seconds: number): Promise<LoadResult> {
  const timesMs: number[] = []
  const row = async (first: Buffer | null): Promise<void> => {
    let session = first
    while (performance.now() < endsAtMs) {
      const beganAtMs = performance.now()
      const ended = await connectOnce(port, session)
      if (ended.isResumed !== (kind === 'resumed')) throw new Error(`a session was ${ended.isResumed ? '' : 'not '}resumed`)
      if (kind === 'resumed') session = ended.session ?? session
      timesMs.push(performance.now() - beganAtMs)
    }
  }
  const rows = Array.from({ length: CONNECTIONS })
  const sessions = await Promise.all(rows.map(async () => (kind === 'full' ? null : (await connectOnce(port, null)).session)))
  const beganAtMs = performance.now()
  const endsAtMs = beganAtMs + seconds * 1000
  await Promise.all(sessions.map(row))
  return { requests: timesMs.length, seconds: (performance.now() - beganAtMs) / 1000, ...percentiles(timesMs), errors: 0 }
}

function handshakes(kind: Kind, says: string): Scenario {
  return {
    name: `tls-${kind}`,
    says,
    needs: { ...BARE, front: 'tls' },
    only: PEERS,
    fresh: false,
    measure: (subject, seconds) => costOf(subject, () => connectAll(subject.port, kind, seconds)),
  }
}

export const HANDSHAKES: readonly Scenario[] = [
  handshakes('full', 'a connection with a full handshake (TLS 1.3, ECDSA P-256) and one request'),
  handshakes('resumed', 'the same with the session before it resumed by its ticket (PSK with ECDHE)'),
]
