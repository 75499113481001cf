/** Parameters of OpenAPI: from text in one of the styles of serialisation to a value (OpenAPI 3.0.3, style values; RFC 6570). */
import { parseStrictJson } from '../../core/strict-json.ts'
import type { Parameter } from './api.ts'
import { coerce, type Shape } from './shape.ts'
import { decodeForm, decodePercent, ENCODING_FAULT, type Pairs, REPEATED_FAULT } from './text-forms.ts'

/** The parts of a request that parameters stand in. */
export interface Sources {
  /** Captures of the path template, still percent-encoded. */
  readonly path: ReadonlyMap<string, string>
  readonly query: Pairs
  readonly cookies: Pairs
  /** All values of a field, joined by commas. */
  readonly header: (name: string) => string | undefined
}

/** A value; or what is wrong with its text; or null when the parameter is not there. */
export type Read = { readonly value: unknown; readonly text: string } | { readonly fault: string } | null

const JSON_DEPTH_MAX = 32
const ANY: Shape = { types: [] }

type Decode = (text: string) => string | null

export function readParameter(parameter: Parameter, sources: Sources): Read {
  const { name, style } = parameter
  if (parameter.in === 'path') return readText(parameter, sources.path.get(name), decodePercent)
  if (parameter.in === 'header') return readText(parameter, sources.header(name), (text) => text.trim())
  const pairs = parameter.in === 'query' ? sources.query : sources.cookies
  const decode: Decode = parameter.in === 'query' ? decodeForm : (text) => decodePercent(text) ?? text
  if (style === 'deepObject') return readDeepObject(parameter, pairs)
  if (parameter.kind === 'object' && parameter.explode && style === 'form') return readMembers(parameter, pairs)
  const raws = pairs.get(name)
  if (raws === undefined) return null
  if (parameter.kind === 'array' && parameter.explode && style !== 'json') return readList(raws, parameter.shape, decode)
  return raws.length > 1 ? { fault: REPEATED_FAULT } : readText(parameter, raws[0], decode)
}

/** A value that stands in one text. */
function readText({ style, kind, explode, shape }: Parameter, raw: string | undefined, decode: Decode): Read {
  if (raw === undefined) return null
  if (style === 'json') return readJson(decode(raw))
  if (kind === 'primitive') {
    const text = decode(raw)
    return text === null ? { fault: ENCODING_FAULT } : { value: coerce(text, shape), text }
  }
  const parts = raw === '' ? [] : raw.split(DELIMITERS[style] ?? ',')
  if (kind === 'array') return readList(parts, shape, decode)
  const pairs = explode ? parts.map(splitAtEquals) : inTwos(parts)
  return pairs === null ? { fault: 'must be a list of names and values' } : readObject(pairs, shape, decode)
}

const DELIMITERS: Readonly<Record<string, string | RegExp>> = { spaceDelimited: /%20|\+/, pipeDelimited: /\||%7[Cc]/ }

function readJson(text: string | null): Read {
  if (text === null) return { fault: ENCODING_FAULT }
  const parsed = parseStrictJson(text, { depthMax: JSON_DEPTH_MAX })
  return 'problem' in parsed ? { fault: parsed.problem } : { value: parsed.value, text }
}

function readList(raws: readonly string[], shape: Shape, decode: Decode): Read {
  const value: unknown[] = []
  for (const raw of raws) {
    const text = decode(raw)
    if (text === null) return { fault: ENCODING_FAULT }
    value.push(coerce(text, shape.items ?? ANY))
  }
  return { value, text: '' }
}

type RawPair = readonly [name: string, value: string]

function readObject(pairs: readonly RawPair[], shape: Shape, decode: Decode): Read {
  const entries: [string, unknown][] = []
  for (const [rawName, raw] of pairs) {
    const name = decode(rawName)
    const text = decode(raw)
    if (name === null || text === null) return { fault: ENCODING_FAULT }
    if (entries.some(([known]) => known === name)) return { fault: 'names a member twice' }
    entries.push([name, coerce(text, memberShape(shape, name))])
  }
  return { value: Object.fromEntries(entries), text: '' }
}

/** `a=1&b=2`: each member of the object is a query parameter of its own. */
function readMembers({ shape }: Parameter, pairs: Pairs): Read {
  return gather(shape, pairs, (name) => name)
}

/** `filter[a]=1&filter[b]=2`. */
function readDeepObject({ name: parameter, shape }: Parameter, pairs: Pairs): Read {
  const prefix = `${parameter}[`
  for (const name of pairs.keys()) {
    if (!name.startsWith(prefix)) continue
    if (!name.endsWith(']') || name.indexOf(']') !== name.length - 1) return { fault: 'must have one name in brackets' }
  }
  const free = [...pairs.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length, -1))
  return gather(shape, pairs, (name) => `${prefix}${name}]`, free)
}

/** The members of an object that are pairs of their own. @param free names of members beside those that the shape knows */
function gather(shape: Shape, pairs: Pairs, pairName: (member: string) => string, free: readonly string[] = []): Read {
  const entries: [string, unknown][] = []
  for (const member of new Set([...Object.keys(shape.properties ?? {}), ...free])) {
    const raws = pairs.get(pairName(member))
    if (raws === undefined) continue
    const own = memberShape(shape, member)
    const isList = own.types.includes('array')
    if (raws.length > 1 && !isList) return { fault: REPEATED_FAULT }
    const texts = raws.map(decodeForm).filter((text) => text !== null)
    if (texts.length < raws.length) return { fault: ENCODING_FAULT }
    entries.push([member, isList ? texts.map((text) => coerce(text, own.items ?? ANY)) : coerce(texts[0] ?? '', own)])
  }
  return entries.length === 0 ? null : { value: Object.fromEntries(entries), text: '' }
}

function memberShape({ properties, rest }: Shape, name: string): Shape {
  return (properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : rest) ?? ANY
}

function splitAtEquals(part: string): RawPair {
  const equals = part.indexOf('=')
  return equals === -1 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
}

function inTwos(parts: readonly string[]): RawPair[] | null {
  if (parts.length % 2 === 1) return null
  return Array.from({ length: parts.length / 2 }, (_, index) => [parts[index * 2] ?? '', parts[index * 2 + 1] ?? ''])
}
