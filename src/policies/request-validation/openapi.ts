/** An OpenAPI 3.0 or 3.1 file to what requests are checked against. Not loaded in workers. */
import { normalisePath } from '../../core/path.ts'
import type { Api, Operation, OperationBody, OperationContent, Parameter, Segment } from './api.ts'
import { acceptsAnything } from './check.ts'
import { isObject, type SchemaObject } from './json-schema.ts'
import { isForm, isJson, MEDIA_RANGE, type Reading, specificity } from './media-types.ts'
import { DocumentFault, type DocumentPath, type Located, OpenApiDocument } from './openapi-document.ts'
import { readParameters } from './openapi-parameters.ts'
import { SchemaTranslator } from './openapi-schemas.ts'
import type { Shape } from './shape.ts'

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const
const REMARKS_MAX = 20

/**
 * Reads a file. Throws an Error that names the file, the line and the place of the first thing that is wrong or not supported.
 * @param pathPrefix what stands in front of the paths; undefined for what the file's first server says
 */
export function readOpenApi(file: string, text: string, pathPrefix: string | undefined): Api {
  const document = new OpenApiDocument(file, text)
  try {
    return new ApiReader(document).read(pathPrefix)
  } catch (error) {
    if (error instanceof DocumentFault) throw new Error(document.describe(error.path, error.message), { cause: error })
    throw error
  }
}

class ApiReader {
  readonly #document: OpenApiDocument
  readonly #schemas: SchemaTranslator
  readonly #remarks = new Set<string>()

  constructor(document: OpenApiDocument) {
    this.#document = document
    const { openapi, swagger } = document.root
    if (swagger !== undefined) throw new DocumentFault(['swagger'], 'Swagger 2.0 is not read: convert the file to OpenAPI 3.0 or 3.1')
    if (typeof openapi !== 'string' || !/^3\.[01]\.\d+/.test(openapi)) {
      throw new DocumentFault(['openapi'], 'expected `openapi: 3.0.x` or `3.1.x`')
    }
    this.#schemas = new SchemaTranslator(document, openapi.startsWith('3.0.'), (path, message) => this.#remark(path, message))
  }

  read(pathPrefix: string | undefined): Api {
    const { paths, servers } = this.#document.root
    if (!isObject(paths)) throw new DocumentFault(['paths'], 'expected a map of paths')
    const operations = Object.entries(paths)
      .filter(([template]) => !template.startsWith('x-'))
      .flatMap(([template, item]) => this.#pathItem(template, item))
    refuseTwins(operations)
    return {
      pathPrefix: pathPrefix ?? serverPath(servers),
      definitions: this.#schemas.definitions,
      tracks: this.#schemas.checkTracking(),
      operations: operations.map(({ operation }) => operation),
      keyNames: this.#keyNames(),
      remarks: [...this.#remarks],
    }
  }

  #remark(path: DocumentPath, message: string): void {
    if (this.#remarks.size < REMARKS_MAX) this.#remarks.add(this.#document.describe(path, message))
  }

  #pathItem(template: string, item: unknown): LocatedOperation[] {
    const { value, path } = this.#document.follow(item, ['paths', template], 'a path item')
    const segments = parseTemplate(template)
    return METHODS.filter((method) => value[method] !== undefined).map((method) => {
      const at = [...path, method]
      const operation = this.#document.follow(value[method], at, 'an operation')
      const name =
        typeof operation.value['operationId'] === 'string' ? operation.value['operationId'] : `${method.toUpperCase()} ${template}`
      if (value['servers'] !== undefined || operation.value['servers'] !== undefined) {
        this.#remark(at, '`servers` of paths and operations are not looked at: set `pathPrefix`')
      }
      const lists = [
        { list: value['parameters'], path: [...path, 'parameters'] },
        { list: operation.value['parameters'], path: [...at, 'parameters'] },
      ]
      const parameters = readParameters(this.#document, this.#schemas, lists)
      this.#checkCaptures(segments, parameters, at)
      const body = this.#body(operation)
      return { operation: { name, method: method.toUpperCase(), segments, parameters, body }, path: at }
    })
  }

  /** Every capture of a template is a parameter, and the other way round. */
  #checkCaptures(segments: readonly Segment[], parameters: readonly Parameter[], path: DocumentPath): void {
    const captures = new Set(segments.flatMap((segment) => ('param' in segment ? [segment.param] : [])))
    for (const parameter of parameters) {
      if (parameter.in === 'path' && !captures.delete(parameter.name)) {
        throw new DocumentFault(path, `the path has no \`{${parameter.name}}\`, which is a parameter of it`)
      }
    }
    for (const name of captures) this.#remark(path, `\`{${name}}\` is no parameter, so that it is not checked`)
  }

  #body({ value: operation, path }: Located): OperationBody | null {
    if (operation['requestBody'] === undefined) return null
    const { value, path: at } = this.#document.follow(operation['requestBody'], [...path, 'requestBody'], 'a request body')
    if (!isObject(value['content'])) throw new DocumentFault([...at, 'content'], 'expected a map of media types')
    const content = Object.entries(value['content']).map(([range, media]) => this.#content(range, media, [...at, 'content', range]))
    return {
      required: value['required'] === true,
      content: content.toSorted((a, b) => specificity(b.range) - specificity(a.range)),
    }
  }

  #content(written: string, media: unknown, path: DocumentPath): OperationContent {
    const range = written.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    if (!MEDIA_RANGE.test(range)) throw new DocumentFault(path, 'expected a media type')
    if (!isObject(media)) throw new DocumentFault(path, 'expected a media type object')
    const schema = this.#schemas.translate(media['schema'] ?? true, [...path, 'schema'])
    const reading: Reading = isJson(range) ? 'json' : isForm(range) ? 'form' : range.includes('*') ? 'by type' : 'none'
    const shape = this.#schemas.shapeOf(schema)
    if (reading === 'form') refuseNestedForm(shape, media, path)
    if (reading === 'none' && !acceptsAnything(schema)) this.#remark(path, `bodies of type ${range} are passed on unread`)
    return { range, reading, schema, shape }
  }

  /** OpenAPI 3.0.3, security scheme object: API keys in the query are described apart from parameters. */
  #keyNames(): string[] {
    const { components } = this.#document.root
    const schemes = isObject(components) && isObject(components['securitySchemes']) ? components['securitySchemes'] : {}
    return Object.entries(schemes).flatMap(([name, scheme]) => {
      const { value } = this.#document.follow(scheme, ['components', 'securitySchemes', name], 'a security scheme')
      return value['type'] === 'apiKey' && value['in'] === 'query' ? [String(value['name'])] : []
    })
  }
}

interface LocatedOperation {
  readonly operation: Operation
  readonly path: DocumentPath
}

/** OpenAPI 3.0.3, paths object: templates that differ in the names of their parameters only are one. */
function refuseTwins(operations: readonly LocatedOperation[]): void {
  const seen = new Set<string>()
  for (const { operation, path } of operations) {
    const { method, segments } = operation
    const key = `${method} ${segments.map((segment) => ('text' in segment ? segment.text : `${segment.before}{}${segment.after}`)).join('/')}`
    if (seen.has(key)) throw new DocumentFault(path, 'another path with the same method fits the same requests')
    seen.add(key)
  }
}

function refuseNestedForm({ properties }: Shape, media: SchemaObject, path: DocumentPath): void {
  for (const [name, { types }] of Object.entries(properties ?? {})) {
    if (types.includes('object')) throw new DocumentFault(path, `objects within forms are not supported: \`${name}\``)
  }
  const encoding = isObject(media['encoding']) ? media['encoding'] : {}
  for (const [name, value] of Object.entries(encoding)) {
    if (!isObject(value)) continue
    if ((value['style'] ?? 'form') !== 'form' || value['explode'] === false) {
      throw new DocumentFault([...path, 'encoding', name], 'only the style `form` with `explode: true` is supported in forms')
    }
  }
}

const CAPTURE = /^([^{}]*)\{([^{}]+)\}([^{}]*)$/

function parseTemplate(template: string): Segment[] {
  const at = ['paths', template]
  if (!template.startsWith('/')) throw new DocumentFault(at, 'a path begins with `/`')
  return template
    .slice(1)
    .split('/')
    .map((segment): Segment => {
      if (!/[{}]/.test(segment)) return { text: normalText(segment, at) }
      const [, before = '', param, after = ''] = CAPTURE.exec(segment) ?? []
      if (param === undefined) throw new DocumentFault(at, 'a segment of a path has at most one `{parameter}`')
      return { param, before: normalText(before, at), after: normalText(after, at) }
    })
}

/** Text in the normal form of request paths. */
function normalText(text: string, path: DocumentPath): string {
  if (text === '') return ''
  // A letter in front keeps a dot what it is: part of a segment.
  const normal = normalisePath(`/x${text.replaceAll(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()))}`)
  if (normal === null) throw new DocumentFault(path, 'not a path that a request can have')
  return normal.slice(2)
}

/** The path of the first server, its variables filled in with their defaults (OpenAPI 3.0.3, server object). */
function serverPath(servers: unknown): string {
  const first: unknown = Array.isArray(servers) ? servers[0] : undefined
  if (!isObject(first) || typeof first['url'] !== 'string') return ''
  const variables = isObject(first['variables']) ? first['variables'] : {}
  const url = first['url'].replaceAll(/\{([^{}]*)\}/g, (_, name: string) => {
    const variable = variables[name]
    return isObject(variable) && typeof variable['default'] === 'string' ? variable['default'] : ''
  })
  if (!URL.canParse(url, 'http://localhost/')) return ''
  return new URL(url, 'http://localhost/').pathname.replace(/\/+$/, '')
}
