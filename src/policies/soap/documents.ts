/** The files of a WSDL: itself, and what it imports and includes. Read in the control process; nothing is fetched over a network. */
import { posix } from 'node:path'
import type { OptionFiles } from '../../core/policy.ts'
import { WSDL, XML, XSD } from './names.ts'
import { attributeOf, elementsOf, parseXml, type XmlBounds, type XmlElement, XmlFault } from './xml.ts'

const FILES_MAX = 200
const CHARS_MAX = 16 * 2 ** 20
const BOUNDS: XmlBounds = { depthMax: 200, elementsMax: 500_000, attributesMax: 200 }

/** What is wrong with a file, at a place in it. */
export class FileFault extends Error {
  constructor(file: string, line: number, message: string) {
    super(`\`${file}\`${line > 0 ? `, line ${line}` : ''}: ${message}`)
  }
}

/** One `wsdl:definitions`. */
export interface Definitions {
  readonly file: string
  readonly root: XmlElement
  readonly targetNamespace: string
}

/** One `xs:schema`, in a file of its own or within a WSDL. */
export interface SchemaDocument {
  readonly file: string
  readonly root: XmlElement
  /** Its own, or that of the document which includes it and lends it one (XML Schema 1, 4.2.1). */
  readonly targetNamespace: string
  /** Whether the namespace is lent, so that names without one are in it. */
  readonly isLent: boolean
}

export interface Documents {
  readonly definitions: readonly Definitions[]
  readonly schemas: readonly SchemaDocument[]
}

/** Reads a WSDL with all that belongs to it. Rejects with a FileFault. */
export function readDocuments(file: string, files: OptionFiles): Promise<Documents> {
  return new DocumentReader(files).read(file)
}

class DocumentReader {
  readonly #files: OptionFiles
  readonly #definitions: Definitions[] = []
  readonly #schemas: SchemaDocument[] = []
  readonly #roots = new Map<string, XmlElement>()
  /** Files with the namespace that they were read for. */
  readonly #seen = new Set<string>()
  #chars = 0

  constructor(files: OptionFiles) {
    this.#files = files
  }

  async read(file: string): Promise<Documents> {
    const root = await this.#root(file)
    if (root.ns === 'http://www.w3.org/ns/wsdl') throw new FileFault(file, root.line, 'WSDL 2.0 is not read: expected WSDL 1.1')
    if (root.ns !== WSDL || root.local !== 'definitions') throw new FileFault(file, root.line, 'expected WSDL 1.1: `definitions`')
    await this.#readDefinitions(file, root)
    return { definitions: this.#definitions, schemas: this.#schemas }
  }

  async #root(file: string): Promise<XmlElement> {
    const known = this.#roots.get(file)
    if (known !== undefined) return known
    if (this.#roots.size >= FILES_MAX) throw new FileFault(file, 0, `the WSDL has more than ${FILES_MAX} files`)
    const text = (await this.#files.read(file)).replace(/^\ufeff/, '')
    this.#chars += text.length
    if (this.#chars > CHARS_MAX) throw new FileFault(file, 0, `the files of the WSDL have more than ${CHARS_MAX} characters together`)
    try {
      const root = parseXml(text, BOUNDS, true)
      this.#roots.set(file, root)
      return root
    } catch (error) {
      if (error instanceof XmlFault) throw new FileFault(file, error.line, error.message)
      throw error
    }
  }

  async #readDefinitions(file: string, root: XmlElement): Promise<void> {
    if (this.#seen.has(file)) return
    this.#seen.add(file)
    this.#definitions.push({ file, root, targetNamespace: attributeOf(root, 'targetNamespace') ?? '' })
    for (const child of elementsOf(root)) {
      if (child.ns !== WSDL) continue
      if (child.local === 'import') await this.#import(file, child)
      if (child.local !== 'types') continue
      for (const schema of elementsOf(child)) {
        if (schema.ns === XSD && schema.local === 'schema') await this.#readSchema(file, schema, '')
      }
    }
  }

  /** WSDL 1.1, 2.1.1: of definitions, and in practice of schemas too. */
  async #import(file: string, element: XmlElement): Promise<void> {
    const location = attributeOf(element, 'location')
    if (location === undefined) throw new FileFault(file, element.line, '`import` has no `location`')
    const target = locate(file, element, location)
    const root = await this.#root(target)
    if (root.ns === WSDL && root.local === 'definitions') return this.#readDefinitions(target, root)
    if (root.ns === XSD && root.local === 'schema') return this.#readSchemaFile(target, root, '')
    throw new FileFault(target, root.line, 'expected WSDL 1.1 or a schema')
  }

  async #readSchemaFile(file: string, root: XmlElement, lent: string): Promise<void> {
    // A namespace of its own makes it the same document for everybody.
    const key = `${file} ${attributeOf(root, 'targetNamespace') === undefined ? lent : ''}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    await this.#readSchema(file, root, lent)
  }

  /** @param lent the namespace of a document that includes it; empty for none */
  async #readSchema(file: string, root: XmlElement, lent: string): Promise<void> {
    const own = attributeOf(root, 'targetNamespace') ?? ''
    const targetNamespace = own === '' ? lent : own
    this.#schemas.push({ file, root, targetNamespace, isLent: own === '' && lent !== '' })
    for (const child of elementsOf(root)) {
      if (child.ns !== XSD) continue
      if (child.local === 'redefine' || child.local === 'override')
        throw new FileFault(file, child.line, `\`${child.local}\` is not supported: write what is meant into the schema`)
      if (child.local !== 'include' && child.local !== 'import') continue
      const location = attributeOf(child, 'schemaLocation')
      // An import without a place is of a schema that stands elsewhere in the WSDL; the attributes of `xml:` are known.
      if (location === undefined || (child.local === 'import' && attributeOf(child, 'namespace') === XML)) continue
      const target = locate(file, child, location)
      const schema = await this.#root(target)
      if (schema.ns !== XSD || schema.local !== 'schema') throw new FileFault(target, schema.line, 'expected a schema: `xs:schema`')
      this.#checkNamespace(file, child, schema, targetNamespace)
      await this.#readSchemaFile(target, schema, child.local === 'include' ? targetNamespace : '')
    }
  }

  #checkNamespace(file: string, statement: XmlElement, schema: XmlElement, including: string): void {
    const own = attributeOf(schema, 'targetNamespace') ?? ''
    if (statement.local === 'include') {
      if (own !== '' && own !== including)
        throw new FileFault(file, statement.line, `the included schema is of another namespace: \`${own}\``)
      return
    }
    const named = attributeOf(statement, 'namespace') ?? ''
    if (named !== own) throw new FileFault(file, statement.line, `the imported schema is of another namespace: \`${own}\``)
  }
}

/** The file that a location means, beside the one it stands in. */
function locate(file: string, element: XmlElement, location: string): string {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:|^[/\\]/.test(location.trim())) {
    throw new FileFault(file, element.line, `\`${location}\` is not beside this file: put a copy there, and name it; nothing is fetched`)
  }
  try {
    return posix.join(posix.dirname(file), decodeURIComponent(location.trim().replace(/[?#].*$/s, '')))
  } catch {
    throw new FileFault(file, element.line, `\`${location}\` is no location`)
  }
}
