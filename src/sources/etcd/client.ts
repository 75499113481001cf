import { membersOf } from '../../core/members.ts'
import {
  type RegistryAnswer,
  RegistryClient,
  RegistryError,
  type RegistryHeaders,
  type RegistryStream,
} from '../../discovery/registry-client.ts'

import type { SourceUrl } from '../source-url.ts'
import { readTls } from '../tls-files.ts'

const ANSWER_TIMEOUT_MS = 10_000
/** As base64, the bytes of all fragments and a little for each. */
const ANSWER_BYTES_MAX = 48 * 2 ** 20
const COMPLAINT_CHARS_MAX = 200
const PORT = '2379'

export interface EtcdCredentials {
  readonly user: string
  readonly password: string
}

/** Who answers, and the token that it knows us by; null where nobody has to log in. */
interface Session {
  readonly client: RegistryClient
  readonly token: string | null
}

/**
 * Speaks to an etcd cluster through the JSON gateway that each of its members has. Goes on to the next member when one cannot be asked, and logs
 * in again when its token is not known any more: tokens expire, and a member that was started anew may know none.
 *
 * @see https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
 */
export class EtcdClient {
  readonly #url: SourceUrl
  readonly #credentials: EtcdCredentials | null
  #member = 0
  #session: Session | null = null
  #isClosed = false

  constructor(url: SourceUrl, credentials: EtcdCredentials | null) {
    this.#url = url
    this.#credentials = credentials
  }

  /** Rejects with a {@link RegistryError}; the next call then asks another member. */
  async call(path: string, body: object, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const options = { body: JSON.stringify(body), timeoutMs: ANSWER_TIMEOUT_MS, bytesMax: ANSWER_BYTES_MAX, ...(signal && { signal }) }
    return this.#withSession(async ({ client, token }) => {
      const answer = await client.request('POST', path, headersOf(token), options)
      if (answer.status !== 200) throw refusalOf(client.host, answer.status, answer.text)
      return objectOf(answer, client.host)
    })
  }

  /** A stream whose head is there. Rejects as {@link call} does. */
  async stream(path: string, body: object, idleTimeoutMs: number, signal: AbortSignal): Promise<RegistryStream> {
    const options = { body: JSON.stringify(body), timeoutMs: ANSWER_TIMEOUT_MS, bytesMax: ANSWER_BYTES_MAX, idleTimeoutMs, signal }
    return this.#withSession(async ({ client, token }) => {
      const stream = await client.stream('POST', path, headersOf(token), options)
      if (stream.status === 200) return stream
      let text = ''
      for await (const line of stream.lines) {
        text += line
        if (text.length > COMPLAINT_CHARS_MAX * 8) break
      }
      throw refusalOf(client.host, stream.status, text)
    })
  }

  /** Forgets who was asked last: it has not kept what it promised. The next call asks another member, and logs in anew. */
  leaveMember(): void {
    this.#session?.client.close()
    this.#session = null
    this.#member = (this.#member + 1) % this.#url.hosts.length
  }

  close(): void {
    this.#isClosed = true
    this.leaveMember()
  }

  async #withSession<T>(ask: (session: Session) => Promise<T>): Promise<T> {
    for (let mayLogIn = true; ; mayLogIn = false) {
      try {
        const session = this.#session ?? (await this.#begin())
        return await ask(session)
      } catch (error) {
        if (mayLogIn && error instanceof EtcdRefusal && error.isOldToken && this.#credentials !== null) {
          this.#session?.client.close()
          this.#session = null
          continue
        }
        this.leaveMember()
        throw error
      }
    }
  }

  async #begin(): Promise<Session> {
    const tls = await readTls(this.#url)
    if (this.#isClosed) throw new RegistryError('etcd is not asked any more')
    const host = this.#url.hosts[this.#member] ?? ''
    const withPort = /:\d+$/.test(host) ? host : `${host}:${PORT}`
    const client = new RegistryClient(`${this.#url.isTls ? 'https' : 'http'}://${withPort}`, tls)
    try {
      const session = { client, token: await this.#logIn(client) }
      this.#session = session
      return session
    } catch (error) {
      client.close()
      throw error
    }
  }

  async #logIn(client: RegistryClient): Promise<string | null> {
    if (this.#credentials === null) return null
    const body = JSON.stringify({ name: this.#credentials.user, password: this.#credentials.password })
    const answer = await client.request('POST', '/v3/auth/authenticate', headersOf(null), { body, timeoutMs: ANSWER_TIMEOUT_MS })
    // Who asks with a password where none is needed gets this; what is asked then needs no token.
    if (answer.status !== 200 && /authentication is not enabled/.test(answer.text)) return null
    if (answer.status !== 200) throw refusalOf(client.host, answer.status, answer.text)
    const { token } = objectOf(answer, client.host)
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw new RegistryError(`${client.host} logged us in without a token`)
    return token
  }
}

/** etcd has answered, and not with what it was asked for. */
export class EtcdRefusal extends RegistryError {
  /** The token has expired, or the rights that it was made under are not those of now. */
  readonly isOldToken: boolean

  constructor(message: string, isOldToken: boolean) {
    super(message)
    this.isOldToken = isOldToken
  }
}

/** @param did the status that was answered @param text what etcd said, JSON of an error or anything else */
export function refusalOf(host: string, did: number | 'ended the watch', text: string): EtcdRefusal {
  const said = complaintOf(text)
  const isOldToken = did === 401 || /invalid auth token|revision of auth store is old/.test(said)
  const words = `${host} ${did === 'ended the watch' ? did : `answered ${did}`}${said === '' ? '' : `: ${said}`}`
  if (/user name is empty/.test(said)) return new EtcdRefusal(`${words}; set ETCD_USERNAME and ETCD_PASSWORD`, false)
  if (/permission denied/.test(said)) return new EtcdRefusal(`${words}; the user needs the right to read the key or prefix`, false)
  if (did === 404) return new EtcdRefusal(`${host} has no JSON gateway of etcd 3.4 or later: it answered 404`, false)
  return new EtcdRefusal(words, isOldToken)
}

function complaintOf(text: string): string {
  let said = text
  try {
    const { message, error } = membersOf(JSON.parse(text))
    if (typeof message === 'string') said = message
    else if (typeof error === 'string') said = error
  } catch {
    // A proxy in between, say: then in its own words.
  }
  return said
    .trim()
    .slice(0, COMPLAINT_CHARS_MAX)
    .replaceAll(/\p{Cc}/gu, ' ')
}

function headersOf(token: string | null): RegistryHeaders {
  const json = { 'content-type': 'application/json' }
  return token === null ? json : { ...json, authorization: token }
}

function objectOf(answer: RegistryAnswer, host: string): Readonly<Record<string, unknown>> {
  const json = answer.json()
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  throw new RegistryError(`${host} did not answer with an object`)
}
