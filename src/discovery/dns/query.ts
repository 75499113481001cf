/** One question to one server: over UDP, and over TCP where the answer does not fit. */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { connect, isIPv6 } from 'node:net'
import { answersQuestion, CODE, type DnsResponse, decodeResponse, encodeQuery, type Question } from './message.ts'

export interface DnsServer {
  /** An address, or a name that the operating system knows. */
  readonly host: string
  readonly port: number
}

/** Why a server has not answered a question. */
export type FaultKind = 'timeout' | 'unreachable' | 'malformed' | 'refused'

export class DnsFault extends Error {
  override readonly name = 'DnsFault'
  readonly kind: FaultKind

  constructor(kind: FaultKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/**
 * Asks a server, for `timeoutMs` at most in all.
 * @param signal ends it: it then rejects with the signal's reason, otherwise with a {@link DnsFault}.
 */
export async function askServer(server: DnsServer, question: Question, timeoutMs: number, signal: AbortSignal): Promise<DnsResponse> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new DnsFault('timeout', 'no answer in time')), timeoutMs)
  const onAbort = (): void => limit.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await ask(server, question, limit.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

async function ask({ host, port }: DnsServer, question: Question, signal: AbortSignal): Promise<DnsResponse> {
  const address = await addressOf(host, signal)
  let withEdns = true
  let response = await overUdp(address, port, question, withEdns, signal)
  // A server that does not know the extension says so in one of these ways (RFC 6891, section 7).
  if (response.code === CODE.formatError || response.code === CODE.notImplemented) {
    withEdns = false
    response = await overUdp(address, port, question, withEdns, signal)
  }
  if (!response.isTruncated) return response
  response = await overTcp(address, port, question, withEdns, signal)
  if (response.isTruncated) throw new DnsFault('malformed', 'an answer over TCP that is truncated')
  return response
}

/** Calls back at the end of whichever is first. */
type Start = (resolve: (response: DnsResponse) => void, reject: (error: unknown) => void) => () => void

/** Runs an exchange until it has an outcome or is aborted, and then once what it returned to end it. */
function exchange(signal: AbortSignal, start: Start): Promise<DnsResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsResponse>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const stop = start(resolve, reject)
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort)
    stop()
  })
}

async function addressOf(host: string, signal: AbortSignal): Promise<string> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return (await Promise.race([lookup(host), promise])).address
  } catch (error) {
    throw error === signal.reason ? error : unreachable(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Each query has an id of its own: who did not see it can only guess (RFC 5452, section 4.2). */
function newQuery(question: Question, withEdns: boolean): { readonly id: number; readonly bytes: Buffer } {
  const id = randomInt(0x1_0000)
  const bytes = encodeQuery(id, question, withEdns)
  if (bytes === null) throw new DnsFault('malformed', `${question.name} is no name that can be asked for`)
  return { id, bytes }
}

/** A socket for each query, at a port that the system chooses by chance, which takes packets of this server only (RFC 5452, section 9.2). */
function overUdp(address: string, port: number, question: Question, withEdns: boolean, signal: AbortSignal): Promise<DnsResponse> {
  const { id, bytes } = newQuery(question, withEdns)
  return exchange(signal, (resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    socket.on('error', (error) => reject(unreachable(error)))
    socket.on('message', (message) => {
      // A forged one must not make us give up waiting for the real one.
      if (!answersQuestion(message, id, question)) return
      const response = decodeResponse(message)
      if (response === null) reject(new DnsFault('malformed', 'an answer that is no DNS message'))
      else resolve(response)
    })
    socket.on('connect', () => socket.send(bytes))
    socket.connect(port, address)
    return () => socket.close()
  })
}

/** RFC 7766; each message has its length in two bytes before it. */
function overTcp(address: string, port: number, question: Question, withEdns: boolean, signal: AbortSignal): Promise<DnsResponse> {
  const { id, bytes } = newQuery(question, withEdns)
  return exchange(signal, (resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true })
    let received = Buffer.alloc(0)
    socket.on('error', (error) => reject(unreachable(error)))
    socket.on('close', () => reject(new DnsFault('unreachable', 'the connection ended before the answer')))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const message = received.subarray(2, 2 + received.readUInt16BE(0))
      const response = answersQuestion(message, id, question) ? decodeResponse(message) : null
      if (response === null) reject(new DnsFault('malformed', 'an answer over TCP to another question, or none'))
      else resolve(response)
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(bytes.length)
    socket.write(Buffer.concat([length, bytes]))
    return () => socket.destroy()
  })
}

function unreachable(error: unknown): DnsFault {
  return new DnsFault('unreachable', error instanceof Error ? error.message : String(error))
}
