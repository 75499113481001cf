import type { DescField, DescMessage, DescMethod, DescService, FileRegistry } from '@bufbuild/protobuf'
import { type FieldPath, followFields, hasTextForm, pathText } from './fields.ts'
import { type HttpRule, httpRulesOf } from './http-rule.ts'
import { RouteTable } from './route-table.ts'
import { type PathTemplate, parseTemplate, type TemplateVariable } from './template.ts'

export interface ApiOptions {
  /** Full names of the services that are offered; undefined for all. */
  readonly services?: readonly string[] | undefined
  /** Whether methods without a rule are offered as `POST /package.Service/Method`. */
  readonly autoMapping: boolean
}

/** What of a message is in the body: all of it, one field, or nothing. */
export type BodyPart = { readonly kind: 'whole' } | { readonly kind: 'field'; readonly field: DescField } | { readonly kind: 'none' }

/** A part of the path that becomes a field. */
export interface Capture {
  readonly variable: TemplateVariable
  readonly fields: FieldPath
}

/** One way to call a method by HTTP. */
export interface ApiRoute {
  readonly method: DescMethod
  /** The path of the gRPC call. */
  readonly rpcPath: string
  readonly httpMethod: string
  readonly template: PathTemplate
  readonly captures: readonly Capture[]
  /** Names of the captured fields in .proto files, each with dots. */
  readonly captured: ReadonlySet<string>
  readonly body: BodyPart
  /** The field of the response that is answered with; null for all of it. */
  readonly responseField: DescField | null
}

/** The REST side of some gRPC services. */
export interface Api {
  readonly registry: FileRegistry
  readonly table: RouteTable<ApiRoute>
  /** In the order of files, services and methods. */
  readonly routes: readonly ApiRoute[]
  /** What is wrong with rules; a route that has a problem is left out. */
  readonly problems: readonly string[]
}

export const HTTP_BODY = 'google.api.HttpBody'

/** Makes the REST side of services from their descriptors and the `google.api.http` options in them. */
export function buildApi(registry: FileRegistry, options: ApiOptions): Api {
  const table = new RouteTable<ApiRoute>()
  const routes: ApiRoute[] = []
  const problems: string[] = []
  const { services, unknown } = servicesOf(registry, options.services)
  for (const name of unknown) problems.push(`there is no service \`${name}\``)
  for (const method of services.flatMap((service) => service.methods)) {
    for (const rule of rulesOf(method, registry, options)) {
      const route = 'problem' in rule ? rule : routeOf(method, rule)
      const problem = 'problem' in route ? route.problem : conflict(table, route)
      if (problem !== null) problems.push(`\`${nameOf(method)}\`: ${problem}`)
      else if (!('problem' in route)) routes.push(route)
    }
  }
  return { registry, table, routes, problems }
}

/** Full name of a method, with a dot: `shop.v1.Shop.GetItem`. */
export function nameOf({ parent, name }: DescMethod): string {
  return `${parent.typeName}.${name}`
}

/** Services that come with every gRPC server, and are for other programs. */
const NOT_OFFERED = /^grpc\.(reflection\.|health\.|channelz\.)/

function servicesOf(registry: FileRegistry, names: readonly string[] | undefined) {
  if (names !== undefined) {
    const found = names.map((name) => ({ name, service: registry.getService(name) }))
    const services = found.flatMap(({ service }) => (service === undefined ? [] : [service]))
    return { services, unknown: found.filter(({ service }) => service === undefined).map(({ name }) => name) }
  }
  const all: DescService[] = [...registry.files].flatMap((file) => file.services)
  return { services: all.filter(({ typeName }) => !NOT_OFFERED.test(typeName)), unknown: [] }
}

function rulesOf(method: DescMethod, registry: FileRegistry, { autoMapping }: ApiOptions) {
  const rules = httpRulesOf(method, registry)
  if (rules.length > 0 || !autoMapping) return rules
  return [{ method: 'POST', template: rpcPathOf(method), body: '*', responseBody: '' }]
}

function rpcPathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`
}

function conflict(table: RouteTable<ApiRoute>, route: ApiRoute): string | null {
  const other = table.add(route.httpMethod, route.template, route)
  if (other === null) return null
  return `\`${route.httpMethod} ${route.template.text}\` takes the same requests as \`${other.httpMethod} ${other.template.text}\` of \`${nameOf(other.method)}\``
}

type OrProblem<T> = T | { readonly problem: string }

function routeOf(method: DescMethod, rule: HttpRule): OrProblem<ApiRoute> {
  const template = parseTemplate(rule.template)
  if ('problem' in template) return { problem: `\`${rule.template}\`: ${template.problem}` }
  const captures: Capture[] = []
  for (const variable of template.variables) {
    const capture = captureOf(variable, method.input)
    if ('problem' in capture) return { problem: `\`${rule.template}\`: ${capture.problem}` }
    captures.push(capture)
  }
  const captured = new Set(captures.map(({ fields }) => pathText(fields)))
  if (captured.size < captures.length) return { problem: `\`${rule.template}\` has a variable twice` }
  const body = bodyOf(method, rule)
  if ('problem' in body) return body
  const responseField = rule.responseBody === '' ? null : topField(method.output, rule.responseBody, 'response_body')
  if (responseField !== null && 'problem' in responseField) return responseField
  const rpcPath = rpcPathOf(method)
  return { method, rpcPath, httpMethod: rule.method, template, captures, captured, body, responseField }
}

function captureOf(variable: TemplateVariable, input: DescMessage): OrProblem<Capture> {
  const fields = followFields(input, variable.fieldPath)
  if ('problem' in fields) return fields
  const last = fields.at(-1) ?? fields[0]
  const isValue = last.fieldKind === 'scalar' || last.fieldKind === 'enum' || (last.fieldKind === 'message' && hasTextForm(last.message))
  return isValue ? { variable, fields } : { problem: `\`${pathText(fields)}\` is no single value` }
}

function bodyOf(method: DescMethod, { body }: HttpRule): OrProblem<BodyPart> {
  const isStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
  if (body === '') return isStream ? { problem: 'a stream of requests comes in a `body`' } : { kind: 'none' }
  if (body === '*') return { kind: 'whole' }
  const field = topField(method.input, body, 'body')
  return 'problem' in field ? field : { kind: 'field', field }
}

function topField(message: DescMessage, name: string, option: string): OrProblem<DescField> {
  return (
    message.fields.find((field) => field.name === name) ?? { problem: `\`${option}: "${name}"\` is no field of \`${message.typeName}\`` }
  )
}
