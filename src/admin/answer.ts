/** Answers of the admin listener. */
import type { IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export function json(value: unknown): Answer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` }
}

/** RFC 9457; the type is `about:blank`, so that the title is that of the status. */
export function problem(status: number, detail: string, more: Readonly<Record<string, unknown>> = {}): Answer {
  return { ...json({ title: TITLES[status], status, detail, ...more }), status, type: 'application/problem+json' }
}

/** Of a request whose body has not been read: what is left of it is not taken for the next request, nor waited for. */
export function closing(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, connection: 'close' } }
}

/** What is found at one path. */
export interface Endpoint {
  /** `GET` includes HEAD. */
  readonly method: 'GET' | 'POST'
  /** Whether everybody who reaches the port may ask. */
  readonly isPublic: boolean
  readonly answer: (request: IncomingMessage) => Answer | Promise<Answer>
}
