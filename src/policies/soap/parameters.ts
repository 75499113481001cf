/** Members of the input that the path and the query give. */
import { type JsonObject, put } from '../../core/members.ts'
import { pointerOf } from '../../core/strict-json.ts'
import type { Violation } from '../../core/violations.ts'
import type { Codecs } from './codecs.ts'
import { Misfit } from './facets.ts'
import type { Particle, Root } from './model.ts'

/** A member of the input whose values are texts. */
export interface ParameterMember {
  readonly type: string
  /** Whether it repeats. */
  readonly array: boolean
}

/** The members of an input that parameters can give, by their names. */
export function parameterMembers({ element, wrapped }: Root, codecs: Codecs): ReadonlyMap<string, ParameterMember> {
  const members = new Map<string, ParameterMember>()
  if (element === null) return members
  if (wrapped) {
    if (codecs.isSimple(element.type)) members.set(element.member, { type: element.type, array: false })
    return members
  }
  const { type, scope } = codecs.complex(element.type)
  for (const use of type.attributes) members.set(use.member, { type: use.type, array: false })
  const visit = (part: Particle): void => {
    if (part.kind === 'element') {
      const own = textType(part.type, codecs)
      if (own !== null) members.set(part.member, { type: own, array: part.array })
    } else if (part.kind !== 'any' && part.member === undefined) for (const inner of part.parts) visit(inner)
  }
  if (scope !== null) visit(scope.group)
  return members
}

/** The simple type of values that are texts; null for others. */
function textType(type: string, codecs: Codecs): string | null {
  if (codecs.isSimple(type)) return type
  const complex = codecs.complex(type)
  return complex.isPlain && complex.type.content.kind === 'simple' ? complex.type.content.type : null
}

/** Puts the parameters of a request into an object that will be the input, or a part of it. */
export class ParameterReader {
  readonly #members: ReadonlyMap<string, ParameterMember>
  readonly #codecs: Codecs
  readonly object: JsonObject = {}
  readonly violations: Violation[] = []

  constructor(members: ReadonlyMap<string, ParameterMember>, codecs: Codecs) {
    this.#members = members
    this.#codecs = codecs
  }

  /** @param captures percent-encoded */
  path(captures: ReadonlyMap<string, string>): void {
    for (const [name, text] of captures) this.#add('path', name, decode(text))
  }

  /** @param query as received */
  query(query: string): void {
    for (const pair of query.split('&')) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode((equals === -1 ? pair : pair.slice(0, equals)).replaceAll('+', ' '))
      const text = decode((equals === -1 ? '' : pair.slice(equals + 1)).replaceAll('+', ' '))
      if (name === null) this.violations.push({ in: 'query', pointer: '', message: 'is not percent-encoded UTF-8' })
      else this.#add('query', name, text)
    }
  }

  #add(place: 'path' | 'query', name: string, text: string | null): void {
    const member = this.#members.get(name)
    const refuse = (message: string, keyword?: string): void => {
      this.violations.push({ in: place, pointer: pointerOf([name]), message, ...(keyword !== undefined && { keyword }) })
    }
    if (member === undefined) return refuse('is not allowed here', 'additionalProperties')
    if (text === null) return refuse('is not percent-encoded UTF-8')
    const value = this.#codecs.simple(member.type).toJson(text, null)
    if (value instanceof Misfit) return refuse(value.message, value.keyword)
    const before = Object.hasOwn(this.object, name) ? this.object[name] : undefined
    if (!member.array) return before === undefined ? put(this.object, name, value) : refuse('stands twice')
    if (Array.isArray(before)) before.push(value)
    else put(this.object, name, [value])
  }
}

function decode(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
