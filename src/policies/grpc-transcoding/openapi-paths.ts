import type { ApiRoute } from './api.ts'
import type { TemplateVariable } from './template.ts'

/** A parameter of a path of OpenAPI, which takes one segment. */
export interface PathParameter {
  readonly name: string
  /** The variable that it is, or that it is a part of; null for a wildcard outside of any. */
  readonly variable: TemplateVariable | null
  /** Whether it stands for several segments, which OpenAPI cannot say. */
  readonly isRest: boolean
}

export interface OpenApiPath {
  readonly path: string
  readonly parameters: readonly PathParameter[]
}

/**
 * Turns path templates into those of OpenAPI, which has parameters of one segment only: `/v1/{name=shelves/*}` is `/v1/shelves/{shelve}`.
 * Paths that differ in the names of their parameters alone are one (OpenAPI 3.1, "Paths Object"): the first names count.
 */
export class OpenApiPaths {
  readonly #namesByShape = new Map<string, readonly string[]>()

  pathOf({ template: { segments, variables, verb } }: ApiRoute): OpenApiPath {
    const parameters: PathParameter[] = []
    const shape = segments.map((segment, index) => {
      if (typeof segment !== 'string') return segment.literal
      const variable = variables.find(({ start, end }) => index >= start && (end === null || index < end)) ?? null
      const isWhole = variable !== null && (variable.isSingle || (segment === '**' && variable.start === index))
      const before = segments[index - 1]
      const literal = typeof before === 'object' ? before.literal : ''
      const name = isWhole ? variable.fieldPath.join('.') : partName(literal, parameters.length)
      parameters.push({ name: uniqueName(name, parameters), variable, isRest: segment === '**' })
      return '{}'
    })
    const suffix = verb === '' ? '' : `:${verb}`
    const key = `/${shape.join('/')}${suffix}`
    const names = this.#namesByShape.get(key) ?? parameters.map(({ name }) => name)
    this.#namesByShape.set(key, names)
    let at = 0
    const path = `/${shape.map((part) => (part === '{}' ? `{${names[at++]}}` : part)).join('/')}${suffix}`
    return { path, parameters: parameters.map((parameter, index) => ({ ...parameter, name: names[index] ?? parameter.name })) }
  }
}

/** What one of several segments is called: by what it is one of. */
function partName(literal: string, index: number): string {
  return /^[a-z][a-z0-9_-]*s$/i.test(literal) ? literal.slice(0, -1) : `part${index + 1}`
}

function uniqueName(name: string, parameters: readonly PathParameter[]): string {
  let unique = name
  for (let count = 2; parameters.some((parameter) => parameter.name === unique); count++) unique = `${name}${count}`
  return unique
}
