import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { readableOnly } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps, RequestBodyStep, ResponseBodyStep, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { compileStatuses } from '../../core/status-set.ts'
import { type BodyRules, dropDigests, editBody, isEdited, isReadable } from './body-rules.ts'
import { compileFieldEdits, type FieldEdits } from './field-edits.ts'
import { compileFormEdits, formKindOf } from './form-edits.ts'
import { compileBodyEdits } from './json-edit.ts'
import type { TransformOptions } from './schema.ts'
import { compileStatusMap } from './status-map.ts'
import { compileHost, compilePath, compileQueryEdits, type QueryMaker } from './target-edits.ts'

const PATH_INVALID = refuse('request_path_invalid')
const FIELD_INVALID = refuse('request_malformed', 'A value of this request cannot stand in a header')
const HOST_INVALID = refuse('request_malformed', 'A value of this request cannot stand in `Host`')
const NOT_READABLE = refuse('request_media_type_unsupported', 'Expected a body of JSON, without a content coding or with gzip or deflate', [
  ['Accept-Encoding', 'gzip, deflate, identity'],
])
const REQUEST_UNFIT = refuse('request_body_invalid')
const REQUEST_TOO_LARGE = refuse('request_body_too_large')
const RESPONSE_UNFIT = refuse('upstream_body_invalid')
const RESPONSE_TOO_LARGE = refuse('upstream_body_too_large')

/** What one place where the policy is configured does. */
export function transformSteps(options: TransformOptions): PolicySteps {
  const editQuery = compileQueryEdits(options.request.query)
  const requestRules = requestBodyRules(options, editQuery)
  const responseBody = responseBodyStep(options)
  return {
    onRequest: requestStep(options, requestRules, editQuery, responseBody !== null),
    ...(requestRules !== null && { requestBody: requestBodyStep(requestRules) }),
    ...upstreamResponseStep(options, responseBody),
    ...(responseBody !== null && { responseBody: responseBody.step }),
    ...responseStep(options),
  }
}

function responseStep({ response: { timeHeader, headers, headersOn } }: TransformOptions): Pick<PolicySteps, 'onResponse'> {
  const editFields = headersOn === 'all' ? compileFieldEdits(headers) : null
  if (timeHeader === false && editFields === null) return {}
  return {
    onResponse(exchange) {
      const { response, clock, startedAt } = exchange
      if (editFields !== null) editResponseFields(editFields, exchange)
      if (timeHeader !== false) response.headers.set(timeHeader, String(Math.max(0, Math.round(clock.now() - startedAt))))
      return undefined
    },
  }
}

function requestStep(
  { request }: TransformOptions,
  rules: BodyRules | null,
  editQuery: QueryMaker | null,
  editsResponses: boolean,
): (exchange: Exchange) => Verdict {
  const { method, timestampHeader } = request
  const makePath = request.path === undefined ? null : compilePath(request.path)
  const makeHost = request.host === undefined ? null : compileHost(request.host)
  const editFields = compileFieldEdits(request.headers)
  const refusesOthers = rules !== null && rules.edit !== null && rules.unreadable !== undefined
  return (exchange) => {
    const { forward, clock } = exchange
    const { headers } = exchange.request
    if (method !== undefined && exchange.request.method !== 'HEAD') forward.method = method
    const path = makePath?.(exchange)
    if (path === null) return PATH_INVALID
    if (path !== undefined) forward.path = path
    const host = makeHost?.(exchange)
    if (host === null) return HOST_INVALID
    if (host !== undefined) forward.authority = host
    // The query of a form that becomes one is edited with it.
    const isForm = request.formToQuery && hasBody(exchange) && formKindOf(headers) === 'urlencoded'
    if (editQuery !== null && !isForm) forward.query = editQuery(forward.query, exchange)
    if (editFields !== null && editFields(headers, exchange) !== null) return FIELD_INVALID
    if (refusesOthers && hasBody(exchange) && !isEdited(rules, headers)) return NOT_READABLE
    if (timestampHeader !== false) headers.set(timestampHeader, String(Math.floor(clock.epochMs() / 1000)))
    if (editsResponses) askForWholes(exchange)
    return undefined
  }
}

function hasBody({ downstream }: Exchange): boolean {
  return downstream.requestBody.length !== 0
}

/** Has the service answer with bodies that can be edited: not with a part of one, nor in a coding that cannot be read here. */
function askForWholes({ request: { headers } }: Exchange): void {
  headers.delete('Range')
  headers.delete('If-Range')
  const accepted = headers.getJoined('Accept-Encoding')
  if (accepted === undefined) return
  const readable = readableOnly(accepted)
  if (readable !== accepted) headers.set('Accept-Encoding', readable)
}

function requestBodyRules({ request, bodyBytesMax }: TransformOptions, editQuery: QueryMaker | null): BodyRules | null {
  const edit = compileBodyEdits(request.body)
  const form = compileFormEdits(request.form, request.formToQuery, editQuery)
  if (edit === null && form === null) return null
  return {
    edit,
    form,
    bytesMax: bodyBytesMax,
    unreadable: request.notJson === 'refuse' ? REQUEST_UNFIT : undefined,
    ambiguous: request.notJson === 'pass' ? undefined : REQUEST_UNFIT,
    tooLarge: REQUEST_TOO_LARGE,
    headersOf: (exchange) => exchange.request.headers,
  }
}

function requestBodyStep(rules: BodyRules): RequestBodyStep {
  return {
    bytesMax: rules.bytesMax,
    wanted: ({ request }) => isEdited(rules, request.headers),
    run: (exchange, body) => editBody(rules, exchange, body),
  }
}

interface ResponseBody {
  readonly step: ResponseBodyStep
  /** Whether body rules hold for a response's status. */
  readonly concerns: (exchange: Exchange) => boolean
  readonly unreadable: Verdict
}

function responseBodyStep({ response, bodyBytesMax }: TransformOptions): ResponseBody | null {
  const edit = compileBodyEdits(response.body)
  if (edit === null) return null
  const hasStatus = compileStatuses(response.body.statuses)
  const rules: BodyRules = {
    edit,
    form: null,
    bytesMax: bodyBytesMax,
    unreadable: response.notJson === 'refuse' ? RESPONSE_UNFIT : undefined,
    ambiguous: response.notJson === 'pass' ? undefined : RESPONSE_UNFIT,
    tooLarge: RESPONSE_TOO_LARGE,
    headersOf: (exchange) => exchange.response.headers,
  }
  const concerns = (exchange: Exchange): boolean => hasStatus(exchange.response.status)
  return {
    concerns,
    unreadable: rules.unreadable,
    step: {
      bytesMax: bodyBytesMax,
      wanted: (exchange) => concerns(exchange) && isWhole(exchange) && isReadable(exchange.response.headers),
      tooLarge: () => RESPONSE_TOO_LARGE,
      run: (exchange, body) => editBody(rules, exchange, body),
    },
  }
}

/** RFC 9110, 15.3.7: of a part nothing can be said. The service was not asked for one. */
function isWhole({ response }: Exchange): boolean {
  return response.status !== 206
}

function upstreamResponseStep({ response }: TransformOptions, body: ResponseBody | null): Pick<PolicySteps, 'onUpstreamResponse'> {
  const statuses = compileStatusMap(response.status.preset, response.status.map)
  const editFields = response.headersOn === 'service' ? compileFieldEdits(response.headers) : null
  if (statuses === null && editFields === null && body === null) return {}
  return {
    onUpstreamResponse(exchange) {
      const { response: head } = exchange
      if (editFields !== null) editResponseFields(editFields, exchange)
      const mapped = statuses?.[head.status] ?? 0
      if (mapped !== 0) head.status = mapped
      return body === null || !body.concerns(exchange) ? undefined : describeBody(exchange, body)
    },
  }
}

/** An illegal value is left out: the service has done its work, and the client shall know. */
function editResponseFields(editFields: FieldEdits, exchange: Exchange): void {
  const illegal = editFields(exchange.response.headers, exchange)
  if (illegal !== null) exchange.trace?.note(`the value of ${illegal} cannot stand in a header`)
}

/** Has the head of a response speak of the body that its client gets, or would get for GET. */
function describeBody(exchange: Exchange, body: ResponseBody): Verdict {
  const { request, response } = exchange
  const { headers, status } = response
  const isNotModified = status === 304
  const hasBody = request.method !== 'HEAD' && response.bodyLength !== 0 && status !== 204 && !isNotModified
  if (!isWhole(exchange) || !(isReadable(headers) || (isNotModified && !headers.has('Content-Type')))) {
    return hasBody ? body.unreadable : undefined
  }
  weaken(exchange)
  headers.delete('Accept-Ranges')
  if (hasBody || status === 204) return undefined
  // RFC 9110, 8.6: a length that is stated here is that of the body for GET, which nobody knows.
  headers.delete('Content-Length')
  headers.delete('Content-Encoding')
  dropDigests(headers)
  if (request.method === 'HEAD') response.bodyLength = LENGTH_UNKNOWN
  return undefined
}

/**
 * RFC 9110, 8.8.3.3: a strong tag names these very bytes, and the client gets others. A weak one still finds its way back: If-None-Match is
 * compared weakly (13.1.2), so that the service can say 304, to which the same tag belongs (15.4.5).
 */
function weaken({ response: { headers } }: Exchange): void {
  const tag = headers.get('ETag')
  if (tag?.startsWith('"') === true) headers.set('ETag', `W/${tag}`)
}
