/** What a model offers as REST, in the words of OpenAPI 3.1. Schemas accept all that the policy accepts; what only it can tell is said in prose. */
import type { ApiDescription, JsonValue } from '../../core/openapi.ts'
import { Codecs } from './codecs.ts'
import { segmentsOf, templateOf } from './endpoints.ts'
import { JsonSchemas, type SchemaObject } from './json-schemas.ts'
import type { ElementUse, Operation, Root, SoapModel } from './model.ts'
import { type ParameterMember, parameterMembers } from './parameters.ts'
import { HEADERS, takesBody } from './service-plan.ts'

const JSON_TYPE = 'application/json'
const PROBLEM_TYPE = 'application/problem+json'

/**
 * @param basePath in front of all paths
 * @param statuses of declared faults, by their names or those of their elements
 */
export function describe(model: SoapModel, basePath: string, statuses: Readonly<Record<string, number>>): ApiDescription {
  return new Describer(model, basePath, statuses).describe()
}

class Describer {
  readonly #model: SoapModel
  readonly #basePath: string
  readonly #statuses: Readonly<Record<string, number>>
  readonly #schemas: JsonSchemas
  readonly #codecs: Codecs
  readonly #problem: string

  constructor(model: SoapModel, basePath: string, statuses: Readonly<Record<string, number>>) {
    this.#model = model
    this.#basePath = basePath
    this.#statuses = statuses
    this.#schemas = new JsonSchemas(model.types)
    this.#codecs = new Codecs(model.types)
    this.#problem = Object.hasOwn(model.types, 'Problem') ? 'SoapFaultProblem' : 'Problem'
  }

  describe(): ApiDescription {
    const paths: Record<string, Record<string, JsonValue>> = {}
    for (const operation of this.#model.operations) {
      const template = `${this.#basePath}${templateOf(segmentsOf(operation.path))}`
      const item = paths[template] ?? {}
      item[operation.method.toLowerCase()] = this.#operation(operation)
      paths[template] = item
    }
    return { paths, schemas: { ...this.#schemas.components(), [this.#problem]: PROBLEM } }
  }

  #operation(operation: Operation): JsonValue {
    const { name, doc, path, method, input } = operation
    const captures = new Set(segmentsOf(path).flatMap((segment) => ('param' in segment ? [segment.param] : [])))
    const members = parameterMembers(input, this.#codecs)
    const schema = this.#input(input, takesBody(method) ? captures : new Set(members.keys()), operation.headers)
    const required = new Set(this.#schemas.requiredOf(input))
    const parameters = [...members]
      .filter(([member]) => captures.has(member) || !takesBody(method))
      .map(([member, use]) => this.#parameter(member, use, captures.has(member), required.has(member)))
    return {
      operationId: name,
      ...(doc !== undefined && { description: doc }),
      ...(parameters.length > 0 && { parameters }),
      ...(takesBody(method) && {
        requestBody: { required: [...required].some((member) => !captures.has(member)), content: { [JSON_TYPE]: { schema } } },
      }),
      responses: this.#responses(operation),
    }
  }

  #parameter(name: string, { type, array }: ParameterMember, isCapture: boolean, isRequired: boolean): JsonValue {
    const schema = this.#schemas.reference(type)
    return {
      name,
      in: isCapture ? 'path' : 'query',
      ...((isCapture || isRequired) && { required: true }),
      schema: array ? { type: 'array', items: schema } : schema,
    }
  }

  /** @param omitted members that parameters give */
  #input(root: Root, omitted: ReadonlySet<string>, headers: readonly ElementUse[]): SchemaObject {
    const schema = this.#schemas.root(root, omitted)
    if (headers.length === 0) return schema
    const blocks = Object.fromEntries(headers.map((use) => [use.member, this.#schemas.element(use)]))
    const plain = this.#schemas.rootObject(root, omitted)
    const properties = { ...(isObject(plain['properties']) ? plain['properties'] : {}) }
    properties[HEADERS] = { type: 'object', properties: blocks, additionalProperties: false, description: 'Header blocks of the call.' }
    return { ...plain, properties }
  }

  #responses({ output, faults }: Operation): JsonValue {
    const byStatus = new Map<number, ElementUse[]>()
    for (const { name, element } of faults) {
      const status = this.#statuses[name] ?? this.#statuses[element.name.local]
      if (status !== undefined) byStatus.set(status, [...(byStatus.get(status) ?? []), element])
    }
    const mapped: Record<string, JsonValue> = {}
    for (const [status, elements] of byStatus)
      mapped[status] = this.#fault(`The service answers with a fault: ${elements.map(({ name }) => name.local).join(', ')}.`, elements)
    const others = faults.filter(({ name, element }) => (this.#statuses[name] ?? this.#statuses[element.name.local]) === undefined)
    const unmapped = others.map(({ element }) => element)
    return {
      ...(output === null
        ? { 202: { description: 'The service has taken the call.' } }
        : {
            200: { description: 'The answer of the service.', content: { [JSON_TYPE]: { schema: this.#schemas.root(output, new Set()) } } },
          }),
      400: this.#fault('The request does not fit, or the service answers with a fault that blames it.', unmapped),
      502: this.#fault('The service answers with another fault, or with something that is no answer.', unmapped),
      ...mapped,
    }
  }

  #fault(description: string, elements: readonly ElementUse[]): SchemaObject {
    const details = elements.map((element) => this.#schemas.element(element))
    const problem = { $ref: `#/components/schemas/${this.#problem}` }
    const detail = { type: 'object', properties: { fault: { type: 'object', properties: { detail: { anyOf: details } } } } }
    return { description, content: { [PROBLEM_TYPE]: { schema: details.length === 0 ? problem : { allOf: [problem, detail] } } } }
  }
}

function isObject(value: JsonValue | undefined): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const PROBLEM: JsonValue = {
  type: 'object',
  description: 'A problem document (RFC 9457).',
  required: ['status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    requestId: { type: 'string' },
    violations: {
      type: 'array',
      items: {
        type: 'object',
        properties: { in: { type: 'string' }, pointer: { type: 'string' }, message: { type: 'string' }, keyword: { type: 'string' } },
      },
    },
    fault: {
      type: 'object',
      description: 'The SOAP fault.',
      properties: {
        code: { type: 'string' },
        subcode: { type: 'string' },
        reason: { type: 'string' },
        name: { type: 'string' },
        detail: {},
      },
    },
  },
}
