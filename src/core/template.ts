import { claimReader } from './claims.ts'
import type { Exchange } from './exchange.ts'
import { didYouMean } from './nearest.ts'

/** Text with placeholders that are filled in from an exchange. */
export interface Template {
  /** As it was written. */
  readonly source: string
  /** Without any placeholder. */
  readonly isConstant: boolean
  /** @param quote applied to each value that is filled in, and not to the text around it; what is missing is empty */
  render(exchange: Exchange, quote?: (value: string) => string): string
  /** The value itself where the template is one placeholder and nothing else, so that a claim that is a number stays one; else the text. */
  value(exchange: Exchange): unknown
}

type Reader = (exchange: Exchange) => unknown

/** Placeholders without an argument. */
const SIMPLE: Readonly<Record<string, Reader>> = {
  'request.id': ({ requestId }) => requestId,
  method: ({ request }) => request.method,
  scheme: ({ request }) => request.scheme,
  host: ({ request }) => request.host,
  path: ({ request }) => request.path,
  query: ({ request }) => request.query,
  user: ({ caller }) => caller.subject,
  consumer: ({ caller }) => caller.consumer?.name ?? '',
  'client.ip': ({ client }) => client.address,
  route: ({ route }) => route?.name ?? '',
  cause: ({ error }) => error ?? '',
  timestamp: ({ clock }) => Math.floor(clock.epochMs() / 1000),
  'response.status': ({ response }) => response.status,
  'upstream.status': ({ attempts }) => attempts.at(-1)?.status ?? 0,
}

/** Placeholders that name something: `{param.id}`. */
const NAMED: Readonly<Record<string, (name: string) => Reader>> = {
  param: (name) => (exchange) => exchange.params.get(name) ?? '',
  query: (name) => (exchange) => paramsOf(exchange.request.query).get(name) ?? '',
  header: (name) => (exchange) => exchange.request.headers.getJoined(name) ?? '',
  claim: (name) => {
    const read = claimReader(name)
    return ({ caller }) => (caller.claims === null ? undefined : read(caller.claims))
  },
  'response.header': (name) => (exchange) => exchange.response.headers.getJoined(name) ?? '',
}

let lastQuery = ''
let lastParams = new URLSearchParams()

/** The parameters of a query; several placeholders of one exchange ask for the same. */
function paramsOf(query: string): URLSearchParams {
  if (query !== lastQuery) {
    lastParams = new URLSearchParams(query)
    lastQuery = query
  }
  return lastParams
}

/** A brace doubled, a placeholder, or what was meant to be one: with blanks, or without its end. */
const PLACEHOLDER = /\{\{|\{([a-z]+(?:\.[^{}\s"]+)?)\}|\{ *((?:param|query|header|claim|response\.header)\.[^{}\s"]+)/g
const NAMED_PLACEHOLDER = /^(param|query|header|claim|response\.header)\.(.+)$/
const PARAM_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/

type Part = string | Reader

/**
 * Parses a template. `{request.id}`, `{method}`, `{scheme}`, `{host}`, `{path}`, `{query}`, `{user}`, `{consumer}`, `{client.ip}`, `{route}`,
 * `{cause}`, `{timestamp}`, `{response.status}`, `{upstream.status}` (the last try's own), `{param.NAME}`, `{query.NAME}`, `{header.NAME}`,
 * `{claim.NAME}` and `{response.header.NAME}` are filled in. Other braces are text, so that JSON can be written as it is; `{{` stands for a `{` before what would be a placeholder.
 * @returns the template, or what is wrong in one sentence
 */
export function parseTemplate(source: string): Template | { readonly problem: string } {
  const parts: Part[] = []
  let from = 0
  for (const match of source.matchAll(PLACEHOLDER)) {
    const [written, inner, broken] = match
    if (match.index > from) parts.push(source.slice(from, match.index))
    from = match.index + written.length
    if (broken !== undefined) return { problem: `\`${written}\` is no whole placeholder: expected \`{${broken}}\`, or \`{{\` for a brace` }
    if (inner === undefined) {
      parts.push('{')
      continue
    }
    const reader = readerOf(inner)
    if (reader === null) return { problem: problemOf(inner) }
    parts.push(reader)
  }
  if (from < source.length) parts.push(source.slice(from))
  const [only] = parts
  const single = parts.length === 1 && typeof only === 'function' ? only : null
  const render: Template['render'] = (exchange, quote) => {
    let text = ''
    for (const part of parts) {
      if (typeof part === 'string') text += part
      else text += quote === undefined ? textOf(part(exchange)) : quote(textOf(part(exchange)))
    }
    return text
  }
  return {
    source,
    isConstant: parts.every((part) => typeof part === 'string'),
    render,
    value: (exchange) => (single === null ? render(exchange) : single(exchange)),
  }
}

/** A template that has been checked already. Throws for one that is wrong. */
export function checkedTemplate(source: string): Template {
  const template = parseTemplate(source)
  if ('problem' in template) throw new Error(template.problem)
  return template
}

function readerOf(inner: string): Reader | null {
  const simple = Object.hasOwn(SIMPLE, inner) ? SIMPLE[inner] : undefined
  if (simple !== undefined) return simple
  const [, kind = '', name = ''] = NAMED_PLACEHOLDER.exec(inner) ?? []
  if (kind === 'param' && !PARAM_NAME.test(name)) return null
  if (kind.endsWith('header') && !HEADER_NAME.test(name)) return null
  return NAMED[kind]?.(name) ?? null
}

function problemOf(inner: string): string {
  const names = [...Object.keys(SIMPLE), ...Object.keys(NAMED).map((kind) => `${kind}.NAME`)]
  // With the name that was written, so that only the kind is compared.
  const [, written = ''] = /^[a-z]+\.(?:header\.)?(.+)$/.exec(inner) ?? []
  const near = didYouMean(
    inner,
    names.map((name) => name.replace('NAME', written)),
  )
  return `there is no placeholder \`{${inner}}\`${near === '' ? `: expected one of ${names.map((name) => `\`{${name}}\``).join(', ')}, or \`{{\` for a brace` : near}`
}

/** A value as text: lists and objects as JSON, what is missing as nothing. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return ''
  return typeof value === 'object' || typeof value === 'number' || typeof value === 'boolean' ? JSON.stringify(value) : ''
}

/** Escapes a value for the inside of a JSON string. */
export function escapeJson(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}

/** Escapes a value for text and quoted attributes of HTML and XML, where a client could otherwise write markup. */
export function escapeMarkup(value: string): string {
  return value.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
