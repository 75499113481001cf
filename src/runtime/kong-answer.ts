/** Refusals as Kong writes them, for clients that came to rely on it. `reference/kong-semantics.md` 2.9. */
import type { ErrorCode } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { Reply } from '../core/reply.ts'
import { writeGrpcRefusal } from './grpc-answer.ts'
import { kongErrorOf } from './kong-errors/index.ts'
import type { KongError } from './kong-errors/kong-error.ts'

/** Puts a refusal into `exchange.response` as Kong does; returns its body. `Turnpike-Error` stands beside it, which harms nobody and helps us. */
export function renderKongRefusal(exchange: Exchange, reply: Reply, code: ErrorCode): Buffer {
  const { response, request } = exchange
  const error = kongErrorOf(reply, code)
  const status = reply.status === 0 ? error.status : reply.status
  const template = error.ownMessage === true ? (reply.detail ?? error.message) : error.message
  const message = reply.about === undefined ? template : template.replaceAll('{about}', () => reply.about ?? '')
  if (exchange.rpc !== 'none') {
    const grpcStatus = error.grpcStatus ?? grpcStatusOf(status)
    return writeGrpcRefusal(exchange, code, grpcStatus, message, null)
  }
  response.status = status
  response.headers.append('Turnpike-Error', code)
  for (const [name, value] of error.headers ?? []) response.headers.append(name, value)
  const form = formOf(error, request.headers)
  if (form === 'empty') return EMPTY
  response.headers.append('Content-Type', CONTENT_TYPES[form])
  if (error.form === 'object') return Buffer.from(JSON.stringify(error.body ?? { message }))
  if (error.form === 'text') return Buffer.from(message)
  return Buffer.from(TEMPLATES[form](message, exchange.requestId))
}

const EMPTY = Buffer.alloc(0)

type Form = 'json' | 'text' | 'html' | 'xml'

const CONTENT_TYPES: Readonly<Record<Form, string>> = {
  json: 'application/json; charset=utf-8',
  text: 'text/plain; charset=utf-8',
  html: 'text/html; charset=utf-8',
  xml: 'application/xml; charset=utf-8',
}

/** Kong puts messages in as they are. Those that an operator wrote are escaped here, which changes nothing of all others. */
const TEMPLATES: Readonly<Record<Form, (message: string, requestId: string) => string>> = {
  json: (message, id) => `{\n  "message":"${inJson(message)}",\n  "request_id":"${inJson(id)}"\n}`,
  text: (message, id) => `${message}\nrequest_id: ${id}\n`,
  html: (message, id) => `<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Error</title>
  </head>
  <body>
    <h1>Error</h1>
    <p>${inMarkup(message)}.</p>
    <p>request_id: ${inMarkup(id)}</p>
  </body>
</html>
`,
  xml: (message, id) => `<?xml version="1.0" encoding="UTF-8"?>
<error>
  <message>${inMarkup(message)}</message>
  <requestid>${inMarkup(id)}</requestid>
</error>
`,
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

const MARKUP = { '&': '&amp;', '<': '&lt;', '>': '&gt;' } as const

function inMarkup(text: string): string {
  return text.replaceAll(/[&<>]/g, (char) => MARKUP[char as keyof typeof MARKUP])
}

function formOf({ form }: KongError, headers: Headers): Form | 'empty' {
  if (form === 'empty') return 'empty'
  if (form === 'object') return 'json'
  if (form === 'text') return 'text'
  const accept = headers.getJoined('Accept')
  if (form !== 'nginx') return acceptedForm(accept)
  return accept === undefined && !headers.has('Content-Type') ? 'text' : acceptedForm(accept ?? headers.get('Content-Type'))
}

const FORMS: ReadonlyMap<string, Form> = new Map([
  ['application/json', 'json'],
  ['application/*', 'json'],
  ['*/*', 'json'],
  ['text/plain', 'text'],
  ['text/*', 'text'],
  ['text/html', 'html'],
  ['application/xml', 'xml'],
])

/** The first of the types with the greatest weight; JSON where Kong has no such form. Types it has none of count, as with Kong. */
function acceptedForm(accept: string | undefined): Form {
  let form: Form = 'json'
  let weightMax = 0
  for (const item of accept?.split(',', 100) ?? []) {
    const [type, weight] = MEDIA_RANGE.exec(item.trim())?.slice(1) ?? []
    if (type === undefined || Number(weight ?? 1) <= weightMax) continue
    weightMax = Number(weight ?? 1)
    form = FORMS.get(type.toLowerCase()) ?? 'json'
  }
  return form
}

/** A type, and the weight among its parameters. */
const MEDIA_RANGE =
  /^((?:[a-z0-9][a-z0-9!#$&^_+.-]+|\*)\/(?:[a-z0-9][a-z0-9!#$&^_+.-]+|\*))(?:\s*;\s*(?:q=(1(?:\.0{0,3})?|0(?:\.\d{0,3})?)|[a-z0-9][^;]*))*/i

/** What Kong tells clients of gRPC for a status; of others the nearest of its hundred. */
const GRPC_STATUSES: Readonly<Record<number, number>> = {
  200: 0,
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  409: 6,
  429: 8,
  499: 1,
  500: 13,
  501: 12,
  503: 14,
  504: 4,
}

function grpcStatusOf(status: number): number {
  return GRPC_STATUSES[status] ?? GRPC_STATUSES[Math.floor(status / 100) * 100] ?? 2
}
