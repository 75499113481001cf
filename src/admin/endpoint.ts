import type { IncomingMessage } from 'node:http'
import { describeIssue } from '../config/messages.ts'
import { z } from '../core/schema.ts'
import { parseStrictJson } from '../core/strict-json.ts'
import type { Caller } from './access.ts'
import type { Answer } from './answer.ts'
import type { AdminParts } from './parts.ts'

/** Who may ask: everybody who is let in by address, or who has a token with this role. */
export type EndpointRole = 'public' | 'read' | 'write'

/** One request to an endpoint, once it has been let in. */
export interface Call {
  readonly request: IncomingMessage
  /** Of the path's template, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  /** Behind the question mark, as it was sent. */
  readonly query: string
  /** Empty where the endpoint takes none. */
  readonly body: Buffer
  /** Null where nobody has to say who they are. */
  readonly caller: Caller | null
}

/** A body that an endpoint takes. */
export interface EndpointBody {
  /** Media types, in lower case. A web page can send none of them to another origin without asking first, and nobody here says yes. */
  readonly types: readonly ('application/json' | 'application/yaml')[]
  readonly bytesMax: number
  /** Made when a description is asked for: no start waits for it. Null for a text with no schema of its own. */
  readonly schema: (() => z.ZodType) | null
  readonly description: string
}

/** A parameter of the query. */
export interface EndpointQuery {
  readonly name: string
  readonly description: string
}

/** What is found at one path with one method. The description of the API is made of these. */
export interface Endpoint {
  /** `GET` includes HEAD. */
  readonly method: 'GET' | 'POST' | 'PUT'
  /** With `{name}` for a segment that is a parameter. */
  readonly path: string
  readonly role: EndpointRole
  /** Changes nothing whatever its role: it is no line of the event log. */
  readonly isDry?: true
  readonly summary: string
  /** Absent where the query is not looked at. */
  readonly query?: readonly EndpointQuery[]
  /** Headers of the request that count. */
  readonly headers?: readonly EndpointQuery[]
  readonly body?: EndpointBody
  /** Of the 200. */
  readonly response: {
    /** Default: `application/json`. */
    readonly type?: string
    /** Null for text. */
    readonly schema: (() => z.ZodType) | null
    readonly description: string
  }
  /** Statuses of problem documents besides those that any endpoint may answer. */
  readonly problems?: Readonly<Record<number, string>>
  readonly answer: (parts: AdminParts, call: Call) => Answer | Promise<Answer>
}

/** Endpoints by their paths. */
export class EndpointTable {
  readonly #plain = new Map<string, Endpoint[]>()
  readonly #templates: { readonly segments: readonly string[]; readonly endpoints: Endpoint[] }[] = []

  constructor(endpoints: readonly Endpoint[]) {
    for (const [path, group] of Map.groupBy(endpoints, (endpoint) => endpoint.path)) {
      if (path.includes('{')) this.#templates.push({ segments: path.split('/'), endpoints: group })
      else this.#plain.set(path, group)
    }
  }

  /** What is at a path, for all its methods; null for nothing. */
  at(path: string): { readonly endpoints: readonly Endpoint[]; readonly params: Readonly<Record<string, string>> } | null {
    const plain = this.#plain.get(path)
    if (plain !== undefined) return { endpoints: plain, params: {} }
    const given = path.split('/')
    for (const { segments, endpoints } of this.#templates) {
      const params = paramsOf(segments, given)
      if (params !== null) return { endpoints, params }
    }
    return null
  }
}

function paramsOf(segments: readonly string[], given: readonly string[]): Record<string, string> | null {
  if (segments.length !== given.length) return null
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const text = given[index] ?? ''
    if (!segment.startsWith('{')) {
      if (segment !== text) return null
      continue
    }
    const value = decoded(text)
    if (value === null) return null
    params[segment.slice(1, -1)] = value
  }
  return params
}

/** A parameter may hold a slash, which is encoded then; null for what is none. */
function decoded(segment: string): string | null {
  if (segment === '') return null
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

const DEPTH_MAX = 8

/** Reads a JSON body by a schema; what is wrong with it is a sentence for who sent it. An empty body is `{}`. */
export function parseBody<S extends z.ZodType>(
  body: Buffer,
  schema: S,
): { readonly ok: true; readonly value: z.output<S> } | { readonly ok: false; readonly reason: string } {
  const parsed = parseStrictJson(body.length === 0 ? '{}' : body, { depthMax: DEPTH_MAX })
  if (!('value' in parsed)) return { ok: false, reason: 'The body is not JSON that can be read in one way.' }
  return parseValue(parsed.value, schema)
}

/** Reads the query by a schema of texts; a parameter that stands twice is refused. */
export function parseQuery<S extends z.ZodType>(
  query: string,
  schema: S,
): { readonly ok: true; readonly value: z.output<S> } | { readonly ok: false; readonly reason: string } {
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (values.has(name)) return { ok: false, reason: `${name} stands twice.` }
    // A schema passes over it, and it would be taken for nothing.
    if (name === '__proto__') return { ok: false, reason: `${name}: there is no such parameter.` }
    values.set(name, value)
  }
  return parseValue(Object.fromEntries(values), schema)
}

function parseValue<S extends z.ZodType>(value: unknown, schema: S) {
  const result = z.safeParse(schema, value, { error: describeIssue })
  if (result.success) return { ok: true, value: result.data } as const
  const reasons = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  )
  return { ok: false, reason: `${reasons.join('; ')}.` } as const
}

/** A body without content, so that no web page can cause the write: it could not send this type to another origin. */
export const NO_CONTENT: EndpointBody = {
  types: ['application/json'],
  bytesMax: 1_024,
  schema: () => z.strictObject({}),
  description: 'Empty, or `{}`; with the type nevertheless.',
}
