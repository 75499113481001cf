/** Writes XML: the namespaces that are used are declared around it all, once each. */
import { type QName, XML, XSI } from './names.ts'
import type { Prefixes } from './simple-values.ts'
import { escapeAttribute, escapeText } from './xml-text.ts'

/** What is written is larger than it may be. */
export class TooLarge extends Error {}

export class XmlWriter implements Prefixes {
  readonly #charsMax: number
  readonly #prefixes = new Map<string, string>()
  #out = ''
  /** Tags that are open, as they close. */
  readonly #open: string[] = []
  /** Whether the last start tag may still take attributes. */
  #inTag = false

  /** Throws {@link TooLarge} behind so many characters. */
  constructor(charsMax: number) {
    this.#charsMax = charsMax
  }

  prefixOf(ns: string): string {
    if (ns === XML) return 'xml'
    const known = this.#prefixes.get(ns)
    if (known !== undefined) return known
    const prefix = ns === XSI ? 'xsi' : `n${this.#prefixes.size}`
    this.#prefixes.set(ns, prefix)
    return prefix
  }

  #name({ ns, local }: QName): string {
    return ns === '' ? local : `${this.prefixOf(ns)}:${local}`
  }

  start(name: QName): void {
    this.#checkSize()
    const tag = this.#name(name)
    this.#closeTag()
    this.#out += `<${tag}`
    this.#open.push(tag)
    this.#inTag = true
  }

  /** Of the element that has just been started. */
  attribute(name: QName, value: string): void {
    this.#out += ` ${this.#name(name)}="${escapeAttribute(value)}"`
  }

  text(text: string): void {
    if (text === '') return
    this.#closeTag()
    this.#out += escapeText(text)
  }

  /** XML that declares all of its prefixes itself. */
  raw(xml: string): void {
    if (xml === '') return
    this.#checkSize()
    this.#closeTag()
    this.#out += xml
  }

  end(): void {
    const tag = this.#open.pop() ?? ''
    this.#out += this.#inTag ? '/>' : `</${tag}>`
    this.#inTag = false
  }

  #checkSize(): void {
    if (this.#out.length > this.#charsMax) throw new TooLarge('the document is too large')
  }

  #closeTag(): void {
    if (this.#inTag) this.#out += '>'
    this.#inTag = false
  }

  /** What has been written since the last time. */
  take(): string {
    const out = this.#out
    this.#out = ''
    return out
  }

  /** Declarations of all namespaces that have been used, with a blank in front of each. */
  declarations(): string {
    return [...this.#prefixes].map(([ns, prefix]) => ` xmlns:${prefix}="${escapeAttribute(ns)}"`).join('')
  }
}
