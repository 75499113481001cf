/** A tree as YAML for people: short things in one line, comments where they belong. */
import { printable } from './diagnostics.ts'
import type { ConfigNode, ListNode, MapNode, Scalar } from './tree.ts'

/** Lines, without the `#`, that stand above a value's key. */
export type Comments = ReadonlyMap<ConfigNode, readonly string[]>

const LINE_CHARS = 120
const INDENT = '  '
/** What needs no quotes anywhere, in a list of one line neither. What could be read as a number, a boolean or null is not among it. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z_/][A-Za-z0-9_/.+@=-]*(?::[A-Za-z0-9_/.+@=-]+)*(?: [A-Za-z0-9_/.-]+)*$/i
/** Durations, sizes and UUIDs: none of them is a number, whatever it begins with. */
const PLAIN_WITH_DIGITS = /^(?:\d+(?:ms|s|m|h|KiB|MiB|GiB)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** YAML 1.2 that reads as the same tree; texts that come from interpolations are written as these, and others never look like one. */
export function yamlText(root: MapNode, comments: Comments = new Map()): string {
  const writer = new Writer(comments)
  writer.map(root, '')
  return `${writer.lines.join('\n')}\n`
}

class Writer {
  readonly lines: string[] = []
  readonly #comments: Comments

  constructor(comments: Comments) {
    this.#comments = comments
  }

  map({ entries }: MapNode, indent: string): void {
    for (const [key, { node }] of entries) {
      if (indent === '' && this.lines.length > 0) this.lines.push('')
      this.#comment(node, indent)
      this.#entry(`${indent}${keyText(key)}:`, node, indent)
    }
  }

  #comment(node: ConfigNode, indent: string): void {
    for (const text of this.#comments.get(node) ?? [])
      for (const line of wrapped(text, LINE_CHARS - indent.length - 2)) this.lines.push(printable(`${indent}# ${line}`.trimEnd()))
  }

  #entry(head: string, node: ConfigNode, indent: string): void {
    const inline = this.#inline(node, head.length + 1)
    const inner = indent + INDENT
    if (inline !== null) this.lines.push(`${head} ${inline}`)
    else if (node.kind === 'scalar') this.#block(head, String(node.value), inner)
    else {
      this.lines.push(head)
      if (node.kind === 'map') this.map(node, inner)
      else this.#list(node, inner)
    }
  }

  #block(head: string, text: string, indent: string): void {
    this.lines.push(`${head} ${text.endsWith('\n') ? '|' : '|-'}`)
    for (const line of text.replace(/\n$/, '').split('\n')) this.lines.push(line === '' ? '' : indent + line)
  }

  #list({ items }: ListNode, indent: string): void {
    for (const item of items) {
      this.#comment(item, indent)
      const inline = this.#inline(item, indent.length + 2)
      const from = this.lines.length
      if (inline !== null) this.lines.push(`${indent}- ${inline}`)
      else if (item.kind === 'map' && !this.#beginsWithComment(item)) {
        // The first key stands behind the dash.
        this.map(item, indent + INDENT)
        this.lines[from] = `${indent}- ${this.lines[from]?.trimStart() ?? ''}`
      } else this.#entry(`${indent}-`, item, indent)
    }
  }

  #beginsWithComment({ entries }: MapNode): boolean {
    const [first] = entries.values()
    return first !== undefined && this.#comments.has(first.node)
  }

  /** In what is left of a line behind so many characters; null where it does not fit, or has comments within. */
  #inline(node: ConfigNode, charsBefore: number): string | null {
    const text = hasComments(node, this.#comments) ? null : inlineText(node)
    return text !== null && (node.kind === 'scalar' || charsBefore + text.length <= LINE_CHARS) ? text : null
  }
}

/** Whether something within has comments, so that it cannot stand in one line. */
function hasComments(node: ConfigNode, comments: Comments): boolean {
  if (comments.size === 0 || node.kind === 'scalar') return false
  const inner = node.kind === 'list' ? node.items : [...node.entries.values()].map((entry) => entry.node)
  return inner.some((item) => comments.has(item) || hasComments(item, comments))
}

/** In one line; null for what cannot be, or would be hard to read. */
function inlineText(node: ConfigNode): string | null {
  if (node.kind === 'scalar') return isBlock(node.value, node.written) ? null : scalarText(node.value, node.written)
  const parts: string[] = []
  if (node.kind === 'list') {
    for (const item of node.items) {
      const text = inlineText(item)
      if (text === null) return null
      parts.push(text)
    }
    return `[${parts.join(', ')}]`
  }
  // Maps of maps are read more easily one below the other.
  const deep = [...node.entries.values()].some(({ node: inner }) => inner.kind === 'map' && inner.entries.size > 1)
  if (deep) return null
  for (const [key, { node: inner }] of node.entries) {
    const text = inlineText(inner)
    if (text === null) return null
    parts.push(`${keyText(key)}: ${text}`)
  }
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
}

function keyText(key: string): string {
  return PLAIN.test(key) ? key : JSON.stringify(key)
}

function scalarText(value: Scalar, written: string | null): string {
  if (written !== null) return JSON.stringify(written)
  if (typeof value !== 'string') return String(value)
  const text = value.replaceAll('${', () => '$${')
  return PLAIN.test(text) || PLAIN_WITH_DIGITS.test(text) ? text : JSON.stringify(text)
}

/** Texts of several lines, such as certificates, that a block gives back exactly. */
function isBlock(value: Scalar, written: string | null): boolean {
  if (written !== null || typeof value !== 'string' || !value.includes('\n')) return false
  return (
    /^[^\s]/.test(value) &&
    !/\n\n+$/.test(value) &&
    /^[\x20-\x7e\n\u00a0-\ud7ff]*$/.test(value) &&
    !/[ \t]$/m.test(value) &&
    !value.includes('${')
  )
}

/** A text in lines of at most so many characters, broken between words. */
export function wrapped(text: string, charsMax: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split(/\r\n|[\r\n\u0085\u2028\u2029]/)) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > charsMax) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line)
  }
  return lines
}
