/** What the policy offers, as OpenAPI (`turnpike openapi`). In the control process only. */
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import type { ApiDescription, JsonValue } from '../../core/openapi.ts'
import { type ApiRoute, buildApi, HTTP_BODY } from './api.ts'
import { commentOn } from './comments.ts'
import { decodeDescriptorSet, inOrder, registryOf } from './descriptor-set.ts'
import { hasOwnJson, hasTextForm } from './fields.ts'
import { OpenApiPaths, type PathParameter } from './openapi-paths.ts'
import { refTo, type Schema, SchemaWriter } from './openapi-schemas.ts'
import type { GrpcTranscodingOptions } from './options.ts'
import { reflectFiles } from './reflection-client.ts'

const METHODS: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'options', 'patch', 'trace'])
/** Deepest field that is described as a parameter. */
const PARAMETER_DEPTH_MAX = 4
const PROBLEM = 'GrpcProblem'

const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'Why a call failed (RFC 9457).',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    grpcStatus: { type: 'string', description: 'The status that the service gave, such as `NOT_FOUND`.' },
    details: { type: 'array', items: { type: 'object', properties: { '@type': { type: 'string' } }, required: ['@type'] } },
    code: { type: 'string', description: 'Where the gateway itself refused the request.' },
    requestId: { type: 'string' },
  },
  required: ['title', 'status'],
}

/** Asks the service where only it knows what it offers; rejects with a sentence for the operator when it does not answer. */
export async function describe(options: GrpcTranscodingOptions): Promise<ApiDescription> {
  const { registry, routes } = buildApi(registryOf(await filesOf(options)), options)
  const writer = new SchemaWriter(registry, options.print)
  const describer = new RouteDescriber(writer)
  const paths: Record<string, Record<string, Schema>> = {}
  for (const route of routes) {
    const method = route.httpMethod === '*' ? 'post' : route.httpMethod.toLowerCase()
    if (!METHODS.has(method)) continue
    const { path, operation } = describer.operation(route)
    const name = `${options.basePath ?? ''}${path}`
    const others = paths[name] ?? {}
    if (others[method] === undefined) paths[name] = { ...others, [method]: operation }
  }
  const services = new Set(routes.map(({ method }) => method.parent))
  const tags = [...services].map((service) => {
    const description = commentOn(service)
    return { name: service.typeName, ...(description !== undefined && { description }) }
  })
  return { paths, schemas: { ...writer.schemas, [PROBLEM]: PROBLEM_SCHEMA }, tags }
}

async function filesOf({ descriptorSet = '', reflection, services }: GrpcTranscodingOptions): Promise<readonly FileDescriptorProto[]> {
  const files = decodeDescriptorSet(descriptorSet)
  if (reflection === undefined) return files
  try {
    const own = await reflectFiles(reflection, services, registryOf(files), new AbortController().signal)
    return inOrder([...own, ...files], [])
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`${reflection.address} does not say what it offers: ${reason}`, { cause: error })
  }
}

class RouteDescriber {
  readonly #writer: SchemaWriter
  readonly #paths = new OpenApiPaths()
  readonly #ids = new Map<string, number>()

  constructor(writer: SchemaWriter) {
    this.#writer = writer
  }

  operation(route: ApiRoute): { readonly path: string; readonly operation: Schema } {
    const { method } = route
    const { path, parameters } = this.#paths.pathOf(route)
    const description = commentOn(method)
    const all = [...parameters.map((parameter) => this.#pathParameter(route, parameter)), ...this.#queryParameters(route)]
    return {
      path,
      operation: {
        operationId: this.#idOf(route),
        tags: [method.parent.typeName],
        ...(description !== undefined && { description }),
        ...(method.deprecated && { deprecated: true }),
        ...(all.length > 0 && { parameters: all }),
        ...this.#requestBody(route),
        responses: {
          200: { description: 'The call succeeded.', content: this.#answer(route) },
          default: { description: 'The call failed.', content: { 'application/problem+json': { schema: refTo(PROBLEM) } } },
        },
      },
    }
  }

  /** A method has an operation for each of its bindings. */
  #idOf({ method }: ApiRoute): string {
    const id = `${method.parent.typeName}.${method.name}`
    const count = (this.#ids.get(id) ?? 0) + 1
    this.#ids.set(id, count)
    return count === 1 ? id : `${id}_${count}`
  }

  #pathParameter({ captures }: ApiRoute, { name, variable, isRest }: PathParameter): Schema {
    const field = captures.find((capture) => capture.variable === variable)?.fields.at(-1)
    const isWhole = variable?.isSingle === true
    const notes = [
      ...(field === undefined ? [] : [commentOn(field)]),
      ...(variable !== null && !isWhole && !isRest ? [`A part of \`${variable.fieldPath.join('.')}\`.`] : []),
      ...(isRest ? ['May hold slashes.'] : []),
    ].filter((note) => note !== undefined)
    return {
      name,
      in: 'path',
      required: true,
      ...(notes.length > 0 && { description: notes.join('\n\n') }),
      schema: isWhole && field !== undefined ? this.#writer.value(field) : { type: 'string' },
    }
  }

  #queryParameters({ method, body, captured }: ApiRoute): readonly Schema[] {
    if (body.kind === 'whole') return []
    const parameters: Schema[] = []
    const add = (message: DescMessage, protoPath: string, path: string, depth: number): void => {
      for (const field of message.fields) {
        if (this.#writer.isOutputOnly(field) || (body.kind === 'field' && body.field === field)) continue
        const protoName = `${protoPath}${field.name}`
        if (captured.has(protoName)) continue
        const name = `${path}${this.#writer.nameOf(field)}`
        if (isParameter(field)) parameters.push(this.#queryParameter(field, name, depth === 1))
        else if (field.fieldKind === 'message' && depth < PARAMETER_DEPTH_MAX && field.message !== message && !hasOwnJson(field.message)) {
          add(field.message, `${protoName}.`, `${name}.`, depth + 1)
        }
      }
    }
    add(method.input, '', '', 1)
    return parameters
  }

  #queryParameter(field: DescField, name: string, mayBeRequired: boolean): Schema {
    const description = commentOn(field)
    const value = this.#writer.value(field)
    return {
      name,
      in: 'query',
      ...(description !== undefined && { description }),
      ...(mayBeRequired && this.#writer.isRequired(field) && { required: true }),
      ...(field.deprecated && { deprecated: true }),
      schema: field.fieldKind === 'list' ? { type: 'array', items: value } : value,
    }
  }

  #requestBody({ method, body }: ApiRoute): { readonly requestBody?: JsonValue } {
    if (body.kind === 'none') return {}
    const message = body.kind === 'whole' ? method.input : body.field.message
    if (message?.typeName === HTTP_BODY) return { requestBody: { content: { '*/*': { schema: {} } } } }
    const schema = body.kind === 'whole' ? this.#writer.message(method.input) : this.#writer.field(body.field)
    const isStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
    return { requestBody: { content: { [isStream ? 'application/x-ndjson' : 'application/json']: { schema } } } }
  }

  #answer({ method, responseField }: ApiRoute): Schema {
    const message = responseField === null ? method.output : responseField.message
    const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming'
    if (message?.typeName === HTTP_BODY && !isStream) return { '*/*': { schema: {} } }
    const schema = responseField === null ? this.#writer.message(method.output) : this.#writer.field(responseField)
    if (!isStream) return { 'application/json': { schema } }
    return { 'application/x-ndjson': { schema }, 'text/event-stream': { schema: { type: 'string' } } }
  }
}

/** Whether a field is one value of text in a query, or a list of those. */
function isParameter({ fieldKind, message }: DescField): boolean {
  return fieldKind !== 'map' && (message === undefined || hasTextForm(message))
}
