import { isIP } from 'node:net'
import { list, object, oneOf, record, text, z } from '../core/schema.ts'
import type { NotJudged } from '../runtime/decisions/desk.ts'
import { PEER_ADDRESS } from '../runtime/described-request.ts'
import { type Answer, json, problem } from './answer.ts'
import { type Call, type Endpoint, parseBody } from './endpoint.ts'
import { explanationSchema } from './explain-schema.ts'
import type { AdminParts } from './parts.ts'

const HEADERS_MAX = 100
const VALUES_MAX = 20
/** Of a header and of a path; how much of both a request may have is what the configuration says. */
const VALUE_CHARS_MAX = 8_192

const value = () => text({ min: 0, max: VALUE_CHARS_MAX })

/** The body of `POST /explain`. */
const explainSchema = object({
  method: text({ max: 64 }).describe('`GET`.'),
  host: z
    .string()
    .max(261)
    .regex(/^[\x21-\x7e]+$/, { error: 'expected a host, with or without port' })
    .describe('`shop.example`, with or without port.'),
  path: z
    .string()
    .max(VALUE_CHARS_MAX)
    .regex(/^\/[^#]*$/, { error: 'expected a path that begins with /, with or without query' })
    .describe('With the query: `/orders/7?page=2`. What a URL may not hold is percent-encoded.'),
  scheme: oneOf(['http', 'https']).optional().describe('Default: that of the listener.'),
  listener: text({ max: 256 })
    .optional()
    .describe('Name of the listener that it comes by. Default: the first one, or the first of the scheme.'),
  client: z
    .string()
    .refine((address) => isIP(address) !== 0, { error: 'expected an IP address' })
    .optional()
    .describe(`Address that it comes from, behind a trusted proxy the proxy's. Default: ${PEER_ADDRESS}, which is nobody's.`),
  headers: record(text({ max: 256 }), z.union([value(), list(value(), { min: 1, max: VALUES_MAX })]), { max: HEADERS_MAX })
    .refine((headers) => !Object.keys(headers).some((name) => name.toLowerCase() === 'host'), { error: 'the host stands in `host`' })
    .default({})
    .describe('By name: a value, or a list of them.'),
})

/** What would happen to a request. */
export const EXPLAIN_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/explain',
    role: 'read',
    summary:
      'What would happen to a request on the configuration in force, as `turnpike explain` says. Changes nothing, and asks no service.',
    body: { types: ['application/json'], bytesMax: 64 * 1024, schema: () => explainSchema, description: 'A request.' },
    response: {
      schema: () => explanationSchema().extend({ revision: z.string().describe('In force.') }),
      description: 'What would happen.',
    },
    problems: { 503: 'Too many requests wait to be judged.' },
    answer: explain,
  },
]

async function explain({ decisions }: AdminParts, { body }: Call): Promise<Answer> {
  const parsed = parseBody(body, explainSchema)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { method, host, path, scheme = null, listener = null, client = PEER_ADDRESS, headers } = parsed.value
  const lines = Object.entries(headers).flatMap(([name, values]) => [values].flat().map((one) => `${name}: ${one}`))
  const described = { method, url: path, headers: [`Host: ${host}`, ...lines] }
  const judged = await decisions.judge(described, { peerAddress: client, listener, scheme })
  return 'problem' in judged ? notJudged(judged) : json({ revision: judged.revision, ...judged.explanation })
}

/** The answer for a request that was not judged. */
export function notJudged({ problem: sentence, isBusy }: NotJudged): Answer {
  return problem(isBusy ? 503 : 400, `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`)
}
