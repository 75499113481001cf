/** An OpenAPI file as a document: parsed, with the line of every place, and with references followed. Not loaded in workers. */
import { LineCounter, parseDocument } from 'yaml'
import { atPointer, isObject, type SchemaObject } from './json-schema.ts'

export type DocumentPath = readonly (string | number)[]

/** A value and where it stands, references followed. */
export interface Located {
  readonly value: SchemaObject
  readonly path: DocumentPath
}

const REFERENCES_MAX = 32
const ALIASES_MAX = 1_000

/** What is wrong with a file, at a place in it. */
export class DocumentFault extends Error {
  readonly path: DocumentPath

  constructor(path: DocumentPath, message: string) {
    super(message)
    this.path = path
  }
}

export class OpenApiDocument {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #parsed: ReturnType<typeof parseDocument>
  readonly root: SchemaObject

  /** Throws an Error that names the file and the line. */
  constructor(file: string, text: string) {
    this.#file = file
    this.#parsed = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true })
    const [error] = this.#parsed.errors
    if (error !== undefined) throw new Error(`\`${file}\`, line ${this.#lines.linePos(error.pos[0]).line}: ${error.message}`)
    let root: unknown
    try {
      root = this.#parsed.toJS({ maxAliasCount: ALIASES_MAX })
    } catch (cause) {
      throw new Error(`\`${file}\`: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
    if (!isObject(root)) throw new Error(`\`${file}\`: expected a map with \`openapi\` and \`paths\``)
    this.root = root
  }

  /** A message with the file and the place in it: `api.yaml`, line 12, `#/paths/~1a/get`. */
  describe(path: DocumentPath, message: string): string {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = this.#parsed.getIn(path.slice(0, length), true)
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
        return `\`${this.#file}\`, line ${this.#lines.linePos(Number(node.range[0])).line}, \`${pointerTo(path)}\`: ${message}`
      }
    }
    return `\`${this.#file}\`: ${message}`
  }

  /** The object at a place, references followed. */
  follow(value: unknown, path: DocumentPath, what: string): Located {
    let found = value
    let at = path
    for (let steps = 0; isObject(found) && typeof found['$ref'] === 'string'; steps++) {
      if (steps === REFERENCES_MAX) throw new DocumentFault(at, 'references lead in a circle')
      ;[found, at] = [this.target(found['$ref'], at), partsOf(found['$ref'])]
    }
    if (!isObject(found)) throw new DocumentFault(at, `expected ${what}`)
    return { value: found, path: at }
  }

  /** What a reference leads to. */
  target(ref: string, path: DocumentPath): unknown {
    if (!ref.startsWith('#/')) {
      throw new DocumentFault([...path, '$ref'], `\`${ref}\` leads out of the file: put all into one file, with references \`#/…\``)
    }
    const target = atPointer(this.root, ref)
    if (target === undefined) throw new DocumentFault([...path, '$ref'], `\`${ref}\` leads to nothing`)
    return target
  }
}

/** The parts of a reference `#/a/b`. */
export function partsOf(ref: string): string[] {
  return ref
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'))
}

function pointerTo(path: DocumentPath): string {
  return `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`
}
