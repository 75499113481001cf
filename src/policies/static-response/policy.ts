import type { PolicyDefinition } from '../../core/policy.ts'
import { answer } from '../../core/reply.ts'
import type { StaticResponseOptions } from './schema.ts'

export const staticResponse: PolicyDefinition<StaticResponseOptions> = {
  kind: 'static-response',
  summary: 'Answers with a fixed response, without asking a service.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ status, contentType, headers, body }) {
    const fields = Object.entries(headers)
    if (body !== '') fields.push(['Content-Type', contentType])
    // One answer for GET and HEAD alike: what a HEAD says of its body is what a GET would send (RFC 9110, 9.3.2), and the writer leaves the body out.
    const reply = answer(status, fields, Buffer.from(body))
    return { onRequest: () => reply }
  },
}
