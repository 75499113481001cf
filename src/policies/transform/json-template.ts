/** JSON whose strings are templates. */
import { type JsonObject, put } from '../../core/members.ts'
import { checkedTemplate, parseTemplate, type Template, textOf } from '../../core/template.ts'
import type { Document } from './document.ts'
import { isContainer, valueAt } from './json-value.ts'
import { type Name, POINTER, parsePointer } from './pointer.ts'

/** Makes a value; undefined for none. It may share parts with the body and with other exchanges: {@link copyOf} it before it is edited. */
export type JsonMaker = (document: Document) => unknown

/** `{body}` and `{body./a/b}`. Two braces are an escape, which the template proper knows. */
const BODY_PLACEHOLDER = /\{\{|\{body(?:\.([^{}\s"]+))?\}/g

type TextPart = { readonly body: readonly Name[] } | { readonly template: Template }

/** What is wrong with the templates in a value in one sentence; null for nothing. */
export function jsonTemplateProblem(written: unknown): string | null {
  if (typeof written === 'string') return textProblem(written)
  if (!isContainer(written)) return null
  for (const item of Object.values(written)) {
    const problem = jsonTemplateProblem(item)
    if (problem !== null) return problem
  }
  return null
}

function textProblem(text: string): string | null {
  for (const piece of piecesOf(text)) {
    if (typeof piece === 'string') {
      const template = parseTemplate(piece)
      if ('problem' in template) return template.problem
    } else if (piece.pointer !== '' && (!POINTER.test(piece.pointer) || parsePointer(piece.pointer).includes(null))) {
      return `\`{body.${piece.pointer}}\` is no part of the body: expected a JSON pointer without \`*\`, as in \`{body./user/name}\``
    }
  }
  return null
}

/** @param written JSON that {@link jsonTemplateProblem} finds nothing wrong with */
export function compileJson(written: unknown): JsonMaker {
  if (isConstant(written)) {
    const constant = unescaped(written)
    return () => constant
  }
  if (typeof written === 'string') return compileText(written)
  if (Array.isArray(written)) {
    const items = written.map(compileJson)
    return (document) => items.map((item) => item(document) ?? null)
  }
  const members = (isContainer(written) ? Object.entries(written) : []).map(([name, value]) => [name, compileJson(value)] as const)
  return (document) => {
    const made: JsonObject = {}
    for (const [name, maker] of members) {
      const value = maker(document)
      if (value !== undefined) put(made, name, value)
    }
    return made
  }
}

function isConstant(written: unknown): boolean {
  if (typeof written === 'string') {
    const pieces = piecesOf(written)
    return pieces.every((piece) => typeof piece === 'string' && checkedTemplate(piece).isConstant)
  }
  return !isContainer(written) || Object.values(written).every(isConstant)
}

/** A constant with its escapes undone. */
function unescaped(written: unknown): unknown {
  if (typeof written === 'string') return written.replaceAll('{{', '{')
  if (!isContainer(written)) return written
  if (Array.isArray(written)) return written.map(unescaped)
  const plain: JsonObject = {}
  for (const [name, value] of Object.entries(written)) put(plain, name, unescaped(value))
  return plain
}

function compileText(text: string): JsonMaker {
  const parts = piecesOf(text).map((piece): TextPart => {
    if (typeof piece === 'string') return { template: checkedTemplate(piece) }
    return { body: piece.pointer === '' ? [] : parsePointer(piece.pointer).filter((part) => part !== null) }
  })
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return (document) => fill(only, document)
  return (document) => {
    let made = ''
    for (const part of parts) {
      made += textOf(fill(part, document))
      if (!document.hasRoomFor(made.length)) return ''
    }
    return made
  }
}

function fill(part: TextPart, { value, exchange }: Document): unknown {
  return 'body' in part ? valueAt(value, part.body) : part.template.value(exchange)
}

/** A text cut at the placeholders that name parts of the body. */
function piecesOf(text: string): readonly (string | { readonly pointer: string })[] {
  const pieces: (string | { readonly pointer: string })[] = []
  let from = 0
  for (const match of text.matchAll(BODY_PLACEHOLDER)) {
    if (match[0] === '{{') continue
    if (match.index > from) pieces.push(text.slice(from, match.index))
    pieces.push({ pointer: match[1] ?? '' })
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push(text.slice(from))
  return pieces
}
