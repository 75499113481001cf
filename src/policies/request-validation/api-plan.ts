/** A plan from an OpenAPI file. */

import { pointerOf } from '../../core/strict-json.ts'
import type { Violation } from '../../core/violations.ts'
import type { Api, Operation, Parameter } from './api.ts'
import type { Engine, Validator } from './engine.ts'
import { OperationTable } from './operations.ts'
import type { RequestValidationOptions } from './options.ts'
import { readParameter, type Sources } from './parameters.ts'
import { type BodyRules, bodyRules, type ContentRules, type Plan, type Rules } from './plan.ts'
import { spelled } from './shape.ts'
import { ENCODING_FAULT, parseCookies, parsePairs } from './text-forms.ts'
import { violationsOf } from './violations.ts'

interface CheckedParameter {
  readonly parameter: Parameter
  readonly pointer: string
  readonly validator: Validator
}

interface CheckedOperation {
  readonly parameters: readonly CheckedParameter[]
  /** Names of all query parameters, and what members of objects in brackets begin with. */
  readonly queryNames: ReadonlySet<string>
  readonly queryPrefixes: readonly string[]
  readonly readsCookies: boolean
  readonly body: BodyRules | null
}

export function apiPlan(api: Api, options: RequestValidationOptions, engine: Engine): Plan {
  const table = new OperationTable(api)
  const refusesOthers = options.additionalQuery === 'refuse'
  const checked = new Map(api.operations.map((operation) => [operation, checkedOperation(operation, api, engine)]))
  const unknown: Rules | null = options.unknownOperation === 'pass' ? null : UNKNOWN
  return {
    looksAtBodies: api.operations.some(({ body }) => body !== null),
    rulesFor({ request }) {
      const found = table.find(request.method, request.path)
      const operation = found === null ? undefined : checked.get(found.operation)
      if (found === null || operation === undefined) return unknown
      return {
        name: found.operation.name,
        body: operation.body,
        headViolations() {
          const query = parsePairs(request.query)
          if (query === null) return [{ in: 'query', pointer: '', message: ENCODING_FAULT }]
          const cookies = parseCookies(operation.readsCookies ? request.headers.getAll('Cookie').join('; ') : undefined)
          const sources: Sources = { path: found.captures, query, cookies, header: (name) => request.headers.getJoined(name) }
          const violations = operation.parameters.flatMap((parameter) => check(parameter, sources))
          return refusesOthers ? [...violations, ...undescribed(query.keys(), operation)] : violations
        },
      }
    },
  }
}

const UNKNOWN: Rules = {
  name: 'no operation',
  headViolations: () => [{ in: 'path', pointer: '', message: 'names no operation of this API together with the method' }],
  body: null,
}

function checkedOperation({ parameters, body }: Operation, api: Api, engine: Engine): CheckedOperation {
  const ofQuery = parameters.filter((parameter) => parameter.in === 'query')
  const isSpread = ({ style, kind, explode }: Parameter) => style === 'form' && kind === 'object' && explode
  const names = ofQuery.flatMap((parameter) => (isSpread(parameter) ? Object.keys(parameter.shape.properties ?? {}) : [parameter.name]))
  return {
    parameters: parameters.map((parameter) => ({
      parameter,
      pointer: pointerOf([parameter.name]),
      validator: engine.validator(parameter.schema),
    })),
    queryNames: new Set([...names, ...api.keyNames]),
    queryPrefixes: ofQuery.filter(({ style }) => style === 'deepObject').map(({ name }) => `${name}[`),
    readsCookies: parameters.some((parameter) => parameter.in === 'cookie'),
    body: body === null ? null : operationBody(body.required, body.content, engine),
  }
}

function operationBody(required: boolean, content: NonNullable<Operation['body']>['content'], engine: Engine): BodyRules {
  const rules = content.map(({ range, reading, schema, shape }): ContentRules => {
    return { range, reading, shape, validator: schema === true ? null : engine.validator(schema) }
  })
  return bodyRules(required, rules)
}

function check({ parameter, pointer, validator }: CheckedParameter, sources: Sources): Violation[] {
  const place = parameter.in
  const read = readParameter(parameter, sources)
  if (read === null) return parameter.required ? [{ in: place, pointer, message: 'is required', keyword: 'required' }] : []
  if ('fault' in read) return [{ in: place, pointer, message: read.fault }]
  const { value, text } = read
  if (parameter.allowEmpty && value === '') return []
  const findings = validator.check(value, text.length)
  if (findings === null) return []
  // What may be text or a number was taken as text: it passes when the other reading does.
  if (parameter.kind === 'primitive' && typeof value === 'string') {
    const other = spelled(text, parameter.shape.types)
    if (other !== value && validator.check(other, text.length) === null) return []
  }
  return violationsOf(place, pointer, findings)
}

function undescribed(names: Iterable<string>, { queryNames, queryPrefixes }: CheckedOperation): Violation[] {
  const violations: Violation[] = []
  for (const name of names) {
    if (queryNames.has(name) || queryPrefixes.some((prefix) => name.startsWith(prefix))) continue
    violations.push({ in: 'query', pointer: pointerOf([name]), message: 'is not allowed here', keyword: 'additionalProperties' })
  }
  return violations
}
