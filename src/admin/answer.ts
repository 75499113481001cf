/** Answers of the admin listener. */

export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** In place of `body`: writes until the client has gone. */
  readonly stream?: EventStream
  /** What the event log tells of a write, beside who and how it ended. */
  readonly audit?: Readonly<Record<string, unknown>>
}

/** Answers without an end. */
export interface EventStream {
  /** @param write gives false, and writes nothing, while the client does not keep up. @param end closes the connection. @returns what is called when the client has gone */
  readonly open: (write: (text: string) => boolean, end: () => void) => () => void
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
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
