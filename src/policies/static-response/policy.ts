import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import { answer } from '../../core/reply.ts'
import { ECHO_BODY_BYTES_MAX, echoOf } from './echo.ts'
import type { StaticResponseOptions } from './schema.ts'

export const staticResponse: PolicyDefinition<StaticResponseOptions> = {
  kind: 'static-response',
  summary: 'Answers with a fixed response, without asking a service.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ status, contentType, headers, body, trigger, echo }): PolicySteps {
    const fields = Object.entries(headers)
    const answers = trigger === undefined ? () => true : triggered(trigger)
    if (echo !== false) return echoSteps(status, fields, echo.message, answers)
    if (body !== '' && contentType !== false) fields.push(['Content-Type', contentType])
    // One answer for GET and HEAD alike: what a HEAD says of its body is what a GET would send (RFC 9110, 9.3.2), and the writer leaves the body out.
    const reply = answer(status, fields, Buffer.from(body))
    return { onRequest: (exchange) => (answers(exchange) ? reply : undefined) }
  },
}

function triggered(name: string): (exchange: Exchange) => boolean {
  return ({ request }) => request.headers.has(name) || new URLSearchParams(request.query).has(name)
}

/** A body is waited for, since it is told too; what has none is answered at once. */
function echoSteps(
  status: number,
  fields: readonly (readonly [string, string])[],
  message: string,
  answers: (exchange: Exchange) => boolean,
): PolicySteps {
  const echoes = (exchange: Exchange, body: Buffer | null) =>
    answer(status, [...fields, ['Content-Type', 'application/json; charset=utf-8']], echoOf(exchange, message, body))
  return {
    onRequest: (exchange) => (exchange.downstream.requestBody.length === 0 && answers(exchange) ? echoes(exchange, null) : undefined),
    requestBody: { bytesMax: ECHO_BODY_BYTES_MAX, wanted: answers, run: (exchange, body) => echoes(exchange, body) },
  }
}
