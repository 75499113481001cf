/** Parameters of an OpenAPI operation. Not loaded in workers. */
import type { Parameter } from './api.ts'
import { isObject, type SchemaObject } from './json-schema.ts'
import { DocumentFault, type DocumentPath, type OpenApiDocument } from './openapi-document.ts'
import type { SchemaTranslator } from './openapi-schemas.ts'
import type { Shape } from './shape.ts'

/** The styles that are read, by where a parameter stands; the first is the default. */
const STYLES: Readonly<Record<Parameter['in'], readonly Parameter['style'][]>> = {
  path: ['simple'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
}
/** OpenAPI 3.0.3, parameter object: header parameters of these names are ignored. */
const NOT_PARAMETERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])

interface ParameterList {
  readonly list: unknown
  readonly path: DocumentPath
}

/** All parameters of the lists; one of a later list takes the place of the one of the same name and place in an earlier. */
export function readParameters(document: OpenApiDocument, schemas: SchemaTranslator, lists: readonly ParameterList[]): Parameter[] {
  const parameters = new Map<string, Parameter>()
  for (const { list, path } of lists) {
    if (list === undefined) continue
    if (!Array.isArray(list)) throw new DocumentFault(path, 'expected a list of parameters')
    const names = new Set<string>()
    list.forEach((item: unknown, index) => {
      const { value, path: at } = document.follow(item, [...path, index], 'a parameter')
      const parameter = readParameter(schemas, value, at)
      if (parameter === null) return
      const key = `${parameter.in} ${parameter.in === 'header' ? parameter.name.toLowerCase() : parameter.name}`
      if (names.has(key)) throw new DocumentFault(at, 'this parameter stands twice in its list')
      names.add(key)
      parameters.set(key, parameter)
    })
  }
  return [...parameters.values()]
}

function readParameter(schemas: SchemaTranslator, written: SchemaObject, path: DocumentPath): Parameter | null {
  const { name, in: place, required = false, allowEmptyValue, content } = written
  if (typeof name !== 'string' || name === '') throw new DocumentFault(path, 'a parameter has a `name`')
  if (place !== 'path' && place !== 'query' && place !== 'header' && place !== 'cookie') {
    throw new DocumentFault([...path, 'in'], 'expected `path`, `query`, `header` or `cookie`')
  }
  if (place === 'path' && required !== true) throw new DocumentFault(path, 'a parameter of the path is `required: true`')
  if (place === 'header' && NOT_PARAMETERS.has(name.toLowerCase())) return null
  if (place === 'header' && !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw new DocumentFault([...path, 'name'], 'no name of a header')
  const about = { name, in: place, required: required === true, allowEmpty: place === 'query' && allowEmptyValue === true } as const
  if (content !== undefined) {
    const schema = schemas.translate(jsonContent(content, path), [...path, 'content'])
    return { ...about, style: 'json', explode: false, kind: 'primitive', shape: schemas.shapeOf(schema), schema }
  }
  if (written['schema'] === undefined) throw new DocumentFault(path, 'a parameter has a `schema` or a `content`')
  const schema = schemas.translate(written['schema'], [...path, 'schema'])
  const shape = schemas.shapeOf(schema)
  const style = styleOf(written, place, path)
  const explode = typeof written['explode'] === 'boolean' ? written['explode'] : style === 'form' || style === 'deepObject'
  const parameter: Parameter = { ...about, style, explode, kind: kindOf(shape, path), shape, schema }
  refuseUnreadable(parameter, path)
  return parameter
}

function styleOf(written: SchemaObject, place: Parameter['in'], path: DocumentPath): Parameter['style'] {
  const style = STYLES[place].find((known) => known === (written['style'] ?? STYLES[place][0]))
  if (style !== undefined) return style
  throw new DocumentFault([...path, 'style'], `of parameters in ${place} only the style ${STYLES[place].join(', ')} is supported`)
}

function kindOf({ types }: Shape, path: DocumentPath): Parameter['kind'] {
  if (types.includes('array') && types.includes('object')) {
    throw new DocumentFault(path, 'a parameter that may be an array or an object can be read in two ways')
  }
  return types.includes('object') ? 'object' : types.includes('array') ? 'array' : 'primitive'
}

/** Refuses combinations that OpenAPI does not define, or that cannot be told apart. */
function refuseUnreadable({ in: place, style, explode, kind, shape }: Parameter, path: DocumentPath): void {
  const refuse = (message: string): never => {
    throw new DocumentFault(path, message)
  }
  if (style === 'deepObject' && (kind !== 'object' || !explode)) refuse('`deepObject` is for objects, with `explode: true`')
  if ((style === 'spaceDelimited' || style === 'pipeDelimited') && kind === 'primitive') refuse(`\`${style}\` is for arrays and objects`)
  if ((style === 'spaceDelimited' || style === 'pipeDelimited') && kind === 'object' && explode) {
    refuse(`\`${style}\` with \`explode: true\` is not defined for objects`)
  }
  if (place === 'cookie' && kind !== 'primitive' && explode)
    refuse('arrays and objects in cookies are supported with `explode: false` only')
  if (kind === 'object' && style === 'form' && explode && shape.properties === undefined) {
    refuse('an object of which each member is a query parameter has `properties`')
  }
  const parts = kind === 'array' ? [shape.items] : kind === 'object' ? [...Object.values(shape.properties ?? {}), shape.rest] : []
  for (const part of parts) {
    const types = part?.types ?? []
    const holdsList = types.includes('array') && !(style === 'deepObject' || (style === 'form' && explode && kind === 'object'))
    if (types.includes('object') || holdsList) refuse('arrays and objects within a parameter are supported as JSON only: use `content`')
  }
}

function jsonContent(content: unknown, path: DocumentPath): unknown {
  const [entry, ...others] = isObject(content) ? Object.entries(content) : []
  if (entry === undefined || others.length > 0) throw new DocumentFault([...path, 'content'], 'expected one media type')
  const [type, media] = entry
  if (type !== 'application/json' || !isObject(media)) {
    throw new DocumentFault([...path, 'content', type], 'of parameters only `application/json` is read')
  }
  return media['schema'] ?? true
}
