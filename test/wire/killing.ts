/** Services that die at a given byte, and a judge of what clients got of it: one legitimate answer, or a part of it that shows to be one. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { fieldOf, type Peer, type ScriptedServer } from './peer.ts'

/** How a connection dies: cut (RST) in the turn in which the last bytes went out, or when they will have been read; or finished (FIN). */
export type Death = 'reset at once' | 'reset' | 'finish'

/** How a response is delimited. `revalidated` is 304 for who has the response already. */
export type Kind = 'length' | 'chunked' | 'close' | '204' | 'revalidated'

/** What is sent for a request's body. */
export const BODY = '{"sent":"0123456789"}'

export function headLength(response: string): number {
  return response.indexOf('\r\n\r\n') + 4
}

/** Names an answer: no other answer has the name, head and body tell it. */
export function answerName(service: string, id: string, count: number): string {
  return `${service}.${id}.${count}`
}

export function bodyOf(name: string): string {
  return `{"a":"${name}"}`
}

/** @param isValidated it may be kept, and has to be validated each time; 304 is for who does so */
export function responseOf(kind: Kind, name: string, isValidated = false): string {
  const body = bodyOf(name)
  const validators = `Cache-Control: max-age=0\r\nETag: "${name}"\r\n`
  if (kind === 'revalidated') return `HTTP/1.1 304 Not Modified\r\n${validators}\r\n`
  const fields = `X-Answer: ${name}\r\n${isValidated ? validators : ''}`
  const ok = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${fields}`
  if (kind === '204') return `HTTP/1.1 204 No Content\r\n${fields}\r\n`
  if (kind === 'close') return `${ok}Connection: close\r\n\r\n${body}`
  if (kind === 'length') return `${ok}Content-Length: ${body.length}\r\n\r\n${body}`
  const chunks = [body.slice(0, 7), body.slice(7)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
  return `${ok}Transfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\nX-End: ${name}\r\n\r\n`
}

/** A plan for the next requests of one path. */
export interface Plan {
  readonly kind: Kind
  readonly isValidated: boolean
  /** Bytes of the response after which the service dies. */
  readonly offset: number
  readonly death: Death
  /** So many requests end so; the ones after them are answered. */
  times: number
}

/** The next answer to one path is sent in two parts. */
interface Pause {
  readonly kind: Kind
  readonly offset: number
  readonly tellPart: () => void
  /** When the second part is sent. */
  readonly clientGone: Promise<void>
}

/** Answers every request, but for those that it has a plan for. */
export class KillableService {
  readonly name: string
  readonly plans = new Map<string, Plan>()
  readonly pauses = new Map<string, Pause>()
  /** Requests that came whole, by id. */
  readonly arrivals = new Map<string, number>()
  /** Answers that were sent whole. */
  readonly sentWhole = new Set<string>()
  /** Requests that came with another body than was sent. */
  readonly wrong: string[] = []

  constructor(name: string, server: ScriptedServer) {
    this.name = name
    server.onConnection = (peer) => this.#serve(peer)
  }

  async #serve(peer: Peer): Promise<void> {
    for (;;) {
      const { head, body } = await peer.readRequest()
      const id = head.slice(head.indexOf('/') + 1, head.indexOf(' HTTP'))
      if (!head.startsWith('GET') && body !== BODY) this.wrong.push(`${head}${body}`)
      const count = (this.arrivals.get(id) ?? 0) + 1
      this.arrivals.set(id, count)
      const name = answerName(this.name, id, count)
      const plan = this.plans.get(id)
      const pause = this.pauses.get(id)
      this.pauses.delete(id)
      if (pause !== undefined) {
        const response = responseOf(pause.kind, name)
        this.sentWhole.add(name)
        peer.write(response.slice(0, pause.offset))
        pause.tellPart()
        await pause.clientGone
        peer.write(response.slice(pause.offset))
        continue
      }
      const held = fieldOf(head, 'If-None-Match')
      const kind = plan?.kind ?? 'length'
      const response =
        kind === 'revalidated' && held !== undefined
          ? responseOf(kind, held.slice(1, -1))
          : responseOf(kind === 'revalidated' ? 'length' : kind, name, plan?.isValidated)
      if (plan !== undefined && plan.times > 0) {
        plan.times--
        if (plan.offset >= response.length && (plan.kind !== 'close' || plan.death === 'finish')) this.sentWhole.add(name)
        return die(peer, response.slice(0, plan.offset), plan.death)
      }
      this.sentWhole.add(name)
      if (kind === 'close') return peer.finish(response)
      peer.write(response)
    }
  }
}

/** Sends a last part, and dies. */
export async function die(peer: Peer, part: string, death: Death): Promise<void> {
  if (death === 'finish') {
    peer.finish(part)
    // Half open it would wait for a gateway that knows it to be dead.
    await peer.ended()
    peer.socket.destroy()
    return
  }
  peer.write(part)
  if (death === 'reset') for (let i = 0; i < 2; i++) await turn()
  peer.reset()
}

/** What a client got until the answer was whole or the connection had ended. */
export interface Received {
  readonly head: string
  /** Without the chunked coding; of an answer that is not whole as far as it came. */
  readonly body: string
  readonly isWhole: boolean
}

/** Reads an answer, whole or not. Rejects when neither comes to an end. */
export async function receive(peer: Peer): Promise<Received> {
  let raw = peer.unread
  const record = (bytes: Buffer): void => {
    raw += bytes.toString('latin1')
  }
  peer.socket.on('data', record)
  try {
    const { head, body } = await peer.readResponse()
    return { head, body, isWhole: true }
  } catch (error) {
    if (peer.ending === null) throw error
    const end = headLength(raw)
    if (!raw.includes('\r\n\r\n')) return { head: raw, body: '', isWhole: false }
    const head = raw.slice(0, end)
    const rest = raw.slice(end)
    return { head, body: fieldOf(head, 'Transfer-Encoding') === undefined ? rest : dechunked(rest), isWhole: false }
  } finally {
    peer.socket.off('data', record)
  }
}

/** What there is of a body in chunks. */
function dechunked(text: string): string {
  let body = ''
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line === -1 || size === 0) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
    if (at > text.length) return body
  }
}

/** What a client got, by name. */
export type Verdict = 'answer' | 'fixed' | 'error' | 'broken'

/** What is legitimate for one request. */
export interface Legitimate {
  readonly id: string
  readonly services: readonly KillableService[]
  /** What clients see of an answer's body. */
  readonly shown: (body: string) => string
  /** The fixed answer. */
  readonly fixed: (id: string) => string
  /** Whether the end of a connection was the end of the response, wherever it came (RFC 9112, 6.3). */
  readonly endsByClose: boolean
}

/** Codes for a service that died. */
const DEATHS = new Set(['upstream_reset_before_headers', 'upstream_body_aborted', 'upstream_connect_failed'])

/** Says what a client got, or throws where it is nothing legitimate. */
export function judge({ head, body, isWhole }: Received, legitimate: Legitimate): Verdict {
  const { id, services, shown, fixed, endsByClose } = legitimate
  const name = fieldOf(head, 'X-Answer')
  if (!isWhole) {
    assert.ok(name !== undefined || !head.includes('\r\n\r\n'), 'of a broken answer its name is known')
    if (name !== undefined) assertOwn(name, id)
    assert.ok(shown(bodyOf(name ?? '')).startsWith(body), 'a broken answer is a part of one answer')
    return 'broken'
  }
  const code = fieldOf(head, 'Turnpike-Error')
  if (code !== undefined) {
    assert.equal(name, undefined)
    const problem = JSON.parse(body) as Record<string, unknown>
    assert.equal(problem['code'], code)
    assert.ok(DEATHS.has(code), `${code} is not what happened`)
    return 'error'
  }
  if (name === undefined) {
    assert.equal(fieldOf(head, 'Turnpike-Fallback'), 'response')
    assert.equal(body, fixed(id))
    return 'fixed'
  }
  assertOwn(name, id)
  // What looks whole and is no JSON any more is passed as it is.
  if (endsByClose) assert.ok([shown(bodyOf(name)), bodyOf(name)].some((whole) => whole.startsWith(body)))
  else {
    assert.equal(body, head.startsWith('HTTP/1.1 204') ? '' : shown(bodyOf(name)))
    assert.ok(
      services.some(({ sentWhole }) => sentWhole.has(name)),
      `${name} was never sent whole`,
    )
  }
  return 'answer'
}

function assertOwn(name: string, id: string): void {
  assert.equal(name.split('.')[1], id, 'the answer is one to this request')
}
