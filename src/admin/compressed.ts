import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import type { Answer } from './answer.ts'

/** Below it a packet is sent either way. */
const BYTES_MIN = 1_024
/** The first `q` of an entry; RFC 9110, 12.5.3: `q=0` means "not acceptable". */
const REFUSED = /;\s*q=0(\.0{0,3})?\s*$/i

/** The answer in gzip where the client takes that and it is worth it. Compressed in a thread of its own: the control process goes on meanwhile. */
export async function compressed(request: IncomingMessage, answer: Answer): Promise<Answer> {
  const headers = { ...answer.headers, vary: 'accept-encoding' }
  if (answer.body.length < BYTES_MIN || !takesGzip(request.headers['accept-encoding'])) return { ...answer, headers }
  // No start waits for it: it is loaded with the first scrape.
  const { gzip } = await import('node:zlib')
  return { ...answer, body: await promisify(gzip)(answer.body, { level: 1 }), headers: { ...headers, 'content-encoding': 'gzip' } }
}

function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  const entries = String(acceptEncoding ?? '').split(',')
  return entries.some((entry) => /^(gzip|x-gzip)$/i.test((entry.split(';', 1)[0] ?? '').trim()) && !REFUSED.test(entry))
}
