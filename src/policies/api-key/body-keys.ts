/** Keys in bodies: members of a JSON object, fields of a form, parts of a multipart form. */
import { parseExactJson } from '../../core/exact-json.ts'
import type { Headers } from '../../core/headers.ts'

/** The fields of a body, as far as a key may stand in them. */
export interface BodyFields {
  /** Every value that stands there; two of them for what is no text but might be taken for several. */
  valuesOf(name: string): readonly string[]
  /** The body without these fields; null where none of them is there. */
  without(names: readonly string[]): Buffer | null
}

export const NO_FIELDS: BodyFields = { valuesOf: () => [], without: () => null }

type ReadFields = (body: Buffer) => BodyFields

/** How a body of this type is read; null for types without fields. */
export function fieldReader(headers: Headers): ReadFields | null {
  const type = headers.getJoined('Content-Type') ?? ''
  switch (type.replace(/;.*/s, '').trim().toLowerCase()) {
    case 'application/json':
      return jsonFields
    case 'application/x-www-form-urlencoded':
      return formFields
    case 'multipart/form-data': {
      const [, quoted, plain] = BOUNDARY.exec(type) ?? []
      const boundary = quoted ?? plain
      return boundary === undefined ? null : (body) => partFields(body, boundary)
    }
    default:
      return null
  }
}

const DEPTH_MAX = 64
const SEVERAL = ['', '']

function jsonFields(body: Buffer): BodyFields {
  const parsed = parseExactJson(body, { depthMax: DEPTH_MAX })
  if (!('value' in parsed) || typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) return NO_FIELDS
  const members: Readonly<Record<string, unknown>> = { ...parsed.value }
  return {
    valuesOf(name) {
      const value = Object.hasOwn(members, name) ? members[name] : undefined
      if (typeof value === 'string') return [value]
      return typeof value === 'object' && value !== null && !JSON.isRawJSON(value) ? SEVERAL : []
    },
    without(names) {
      if (!names.some((name) => Object.hasOwn(members, name))) return null
      const others = Object.entries(members).filter(([name]) => !names.includes(name))
      return Buffer.from(JSON.stringify(Object.fromEntries(others)))
    },
  }
}

function formFields(body: Buffer): BodyFields {
  // Each name is decoded once, however many places keys are looked for in.
  const pairs = body
    .toString('latin1')
    .split('&')
    .map((text) => ({ text, name: nameIn(text) }))
  return {
    valuesOf: (wanted) => pairs.flatMap(({ text, name }) => (name === wanted ? [valueIn(text)] : [])),
    without(names) {
      const others = pairs.filter(({ name }) => !names.includes(name))
      return others.length === pairs.length ? null : Buffer.from(others.map(({ text }) => text).join('&'), 'latin1')
    },
  }
}

function nameIn(pair: string): string {
  const equals = pair.indexOf('=')
  return decoded(equals === -1 ? pair : pair.slice(0, equals))
}

function valueIn(pair: string): string {
  const equals = pair.indexOf('=')
  return equals === -1 ? '' : decoded(pair.slice(equals + 1))
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

/** RFC 2046, 5.1.1. */
const BOUNDARY = /;\s*boundary=(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,70})"|([^\s";,]{1,70}))/i
const PARTS_MAX = 1_000
/** RFC 7578, 4.2. */
const DISPOSITION = /^content-disposition:[ \t]*form-data[ \t]*;(?:.*;)?[ \t]*name="([^"\r\n]{0,256})"/im

interface Part {
  readonly name: string
  readonly value: string
  /** From its delimiter to the next one. */
  readonly start: number
  readonly end: number
}

function partFields(body: Buffer, boundary: string): BodyFields {
  const parts = partsOf(body, boundary)
  return {
    valuesOf: (name) => parts.filter((part) => part.name === name).map(({ value }) => value),
    without(names) {
      const taken = parts.filter(({ name }) => names.includes(name))
      if (taken.length === 0) return null
      let at = 0
      const pieces = taken.map(({ start, end }) => {
        const piece = body.subarray(at, start)
        at = end
        return piece
      })
      return Buffer.concat([...pieces, body.subarray(at)])
    },
  }
}

/** The parts in order; none for what is malformed, or has more than a thousand. */
function partsOf(body: Buffer, boundary: string): readonly Part[] {
  const text = body.toString('latin1')
  const delimiter = `--${boundary}`
  const parts: Part[] = []
  let start = text.startsWith(delimiter) ? 0 : text.indexOf(`\r\n${delimiter}`) + 2
  if (start === 1) return []
  while (!text.startsWith('--', start + delimiter.length)) {
    const head = text.indexOf('\r\n', start)
    const next = text.indexOf(`\r\n${delimiter}`, start + delimiter.length)
    const blank = text.indexOf('\r\n\r\n', head)
    if (head === -1 || next === -1 || blank === -1 || blank >= next || parts.length === PARTS_MAX) return []
    const [, name] = DISPOSITION.exec(text.slice(head + 2, blank)) ?? []
    const value = body.toString('utf8', blank + 4, next)
    parts.push({ name: name === undefined ? '' : Buffer.from(name, 'latin1').toString(), value, start, end: next + 2 })
    start = next + 2
  }
  return parts
}
