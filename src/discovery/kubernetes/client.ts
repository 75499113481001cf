import type { Clock } from '../../core/clock.ts'
import { RegistryClient, type RegistryStream } from '../registry-client.ts'
import type { ApiAccess } from './access.ts'
import { isObject } from './objects.ts'

/** A page of 100 EndpointSlices has 4 MB when each is full. */
const LIST_BYTES_MAX = 64 * 2 ** 20
/** etcd keeps at most 1.5 MiB of an object. */
const EVENT_BYTES_MAX = 8 * 2 ** 20
const REFUSAL_BYTES_MAX = 65_536
const REFUSAL_CHARS_MAX = 400

/** The API answered, and not with what it was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** How long to wait at least; 0 when the API says nothing of that. */
  readonly retryAfterMs: number

  constructor(status: number, message: string, retryAfterMs = 0) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** The version that was asked for is not kept any more. */
  get isGone(): boolean {
    return this.status === 410
  }
}

export interface KubernetesClientOptions {
  readonly readAccess: () => Promise<ApiAccess>
  readonly clock: Clock
  /** For an answer, and for the head of a watch. */
  readonly answerMs: number
  /** How long a watch may say nothing. */
  readonly silenceMs: number
  /** How old what is known of files may get. */
  readonly accessMs: number
}

interface Connected {
  readonly client: RegistryClient
  readonly headers: Readonly<Record<string, string>>
  /** What it was made of. */
  readonly key: string
  readonly token: string | null
}

/** Asks a Kubernetes API, with the credentials that hold now. For one request at a time. */
export class KubernetesClient {
  readonly #options: KubernetesClientOptions
  #connected: Connected | null = null
  #readAtMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: KubernetesClientOptions) {
    this.#options = options
  }

  /**
   * The object at a path. Rejects with an {@link ApiError}, a `RegistryError` when there is no answer, or an `AccessError` when there is no
   * way to ask.
   */
  async get(path: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const options = { timeoutMs: this.#options.answerMs, bytesMax: LIST_BYTES_MAX, signal }
    const answer = await this.#asKnown(async ({ client, headers }) => {
      const got = await client.request('GET', path, headers, options)
      if (got.status !== 200) throw refusalOf(got.status, got.text, got.headers['retry-after'])
      return got
    })
    const object = answer.json()
    if (!isObject(object)) throw new ApiError(200, 'the answer is no object')
    return object
  }

  /** The events of a watch, a line each. Rejects as {@link get}. */
  watch(path: string, signal: AbortSignal): Promise<RegistryStream> {
    const { answerMs, silenceMs } = this.#options
    const options = { timeoutMs: answerMs, idleTimeoutMs: silenceMs, bytesMax: EVENT_BYTES_MAX, signal }
    return this.#asKnown(async ({ client, headers }) => {
      const stream = await client.stream('GET', path, headers, options)
      if (stream.status === 200) return stream
      throw refusalOf(stream.status, await startOf(stream), stream.headers['retry-after'])
    })
  }

  close(): void {
    this.#isClosed = true
    this.#connected?.client.close()
  }

  /** Asks once more where the token is refused and another stands in its file by now. */
  async #asKnown<T>(ask: (connected: Connected) => Promise<T>): Promise<T> {
    const connected = await this.#connect()
    try {
      return await ask(connected)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      this.#readAtMs = Number.NEGATIVE_INFINITY
      const renewed = await this.#connect()
      if (renewed.token === connected.token && renewed.key === connected.key) throw error
      return ask(renewed)
    }
  }

  async #connect(): Promise<Connected> {
    const { clock, accessMs, readAccess } = this.#options
    if (this.#connected !== null && clock.now() - this.#readAtMs < accessMs) return this.#connected
    const { url, tls, token } = await readAccess()
    const key = JSON.stringify([url, tls])
    const before = this.#connected
    if (before !== null && before.key !== key) before.client.close()
    const client = before?.key === key ? before.client : new RegistryClient(url, tls)
    this.#readAtMs = clock.now()
    this.#connected = { client, key, token, headers: headersWith(token) }
    if (this.#isClosed) client.close()
    return this.#connected
  }
}

function headersWith(token: string | null): Record<string, string> {
  return { accept: 'application/json', 'user-agent': 'turnpike', ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
}

/** What a refusal says. */
async function startOf(stream: RegistryStream): Promise<string> {
  let text = ''
  for await (const line of stream.lines) {
    text += line
    if (text.length > REFUSAL_BYTES_MAX) break
  }
  stream.close()
  return text
}

/** A refusal's body is a Status object, unless something in between answers. */
function refusalOf(status: number, text: string, retryAfter: string | undefined): ApiError {
  const said = statusMessage(text)
  const seconds = /^\d{1,4}$/.test(retryAfter ?? '') ? Number(retryAfter) : 0
  return new ApiError(status, `the Kubernetes API answered ${status}${said === '' ? '' : `: ${said}`}`, seconds * 1_000)
}

function statusMessage(text: string): string {
  try {
    const status: unknown = JSON.parse(text)
    return isObject(status) && typeof status['message'] === 'string' ? status['message'].slice(0, REFUSAL_CHARS_MAX) : ''
  } catch {
    return ''
  }
}
