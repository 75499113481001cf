/** The admin API as OpenAPI 3.1, made of the table of its endpoints. */
import { z } from '../core/schema.ts'
import type { Endpoint, EndpointBody, EndpointQuery } from './endpoint.ts'

type Json = Readonly<Record<string, unknown>>

/** Statuses that any endpoint with such a role or body may answer; what they mean is told once. */
const BEFORE_IT: Readonly<Record<number, string>> = {
  400: 'What was sent cannot be read, or asks for nothing that there is.',
  401: 'No token, or none that is known.',
  403: 'The address may not ask, or the token may not do this.',
  413: 'The body is too large.',
  415: 'The body has another media type.',
  421: 'The Host header is no IP address, `localhost` or the configured admin host.',
  500: 'The gateway failed to answer; its log says why.',
}

/** @param endpoints each one becomes an operation */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  const paths = [...Map.groupBy(endpoints, ({ path }) => path)].map(([path, group]): [string, Json] => [
    path,
    Object.fromEntries(group.map((endpoint) => [endpoint.method.toLowerCase(), operation(endpoint)])),
  ])
  return {
    openapi: '3.1.0',
    info: {
      title: 'Turnpike admin API',
      version: '1',
      description: 'What operators and their tools ask a gateway about itself. Errors are problem documents (RFC 9457).',
    },
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'A token of `admin.token` or `admin.tokens`, or the one in the token file.' },
      },
      schemas: { Problem: problemSchema() },
      responses: Object.fromEntries(
        Object.entries(BEFORE_IT).map(([status, description]) => [`Problem${status}`, problemResponse(description)]),
      ),
    },
  }
}

function operation({ method, path, role, summary, query = [], headers = [], body, response, problems = {} }: Endpoint): Json {
  const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  const named = (place: string) => (parameter: EndpointQuery) => ({ ...parameter, in: place, schema: { type: 'string' } })
  const parameters = [...inPath, ...query.map(named('query')), ...headers.map(named('header'))]
  const statuses = [421, 500, ...(role === 'public' ? [] : [401]), 403, 400, ...(body === undefined ? [] : [413, 415])]
  return {
    operationId: operationId(method, path),
    summary,
    description: role === 'public' ? 'Needs no token.' : `Needs a token with the role \`${role}\`.`,
    security: role === 'public' ? [] : [{ token: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: requestBody(body) }),
    responses: {
      200: success(response),
      ...Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }])),
      ...Object.fromEntries(Object.entries(problems).map(([status, description]) => [status, problemResponse(description)])),
    },
  }
}

/** `post /services/{name}/drain` is `postServicesNameDrain`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

function success({ type = 'application/json', schema, description }: Endpoint['response']): Json {
  const content = {
    [type]: {
      schema: schema === null ? (type === 'application/json' ? { type: 'object' } : { type: 'string' }) : jsonSchema(schema(), 'output'),
    },
  }
  return { description, content }
}

function requestBody({ types, schema, description }: EndpointBody): Json {
  const described = schema === null ? { type: 'string' } : jsonSchema(schema(), 'input')
  return { description, content: Object.fromEntries(types.map((type) => [type, { schema: described }])) }
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

function problemResponse(description: string): Json {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }
}

function problemSchema(): Json {
  return {
    type: 'object',
    required: ['title', 'status', 'detail'],
    properties: {
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string', description: 'What is wrong, in a sentence for people.' },
    },
  }
}
