/** A plan from schemas that stand in the configuration. */

import type { Exchange } from '../../core/exchange.ts'
import { pointerOf } from '../../core/strict-json.ts'
import type { Violation } from '../../core/violations.ts'
import type { Engine } from './engine.ts'
import { isObject, type JsonSchema } from './json-schema.ts'
import { isForm } from './media-types.ts'
import type { RequestValidationOptions } from './options.ts'
import { type BodyRules, bodyRules, type ContentRules, type Plan, type Rules } from './plan.ts'
import { coerce, localDeref, type Shape, sameInstance, shapeOf } from './shape.ts'
import { ENCODING_FAULT, type PairFault, parsePairs, valuesOf } from './text-forms.ts'
import { violationsOf } from './violations.ts'

const JSON_TYPES = ['application/json', 'application/*+json']

interface Values {
  readonly values: Record<string, unknown>
  readonly faults: readonly PairFault[]
  /** Characters that were read. */
  readonly size: number
}

type HeadCheck = (exchange: Exchange) => Violation[]

export function inlinePlan(options: RequestValidationOptions, engine: Engine): Plan {
  const { query, headers, params } = options
  const checks: HeadCheck[] = []
  if (params !== undefined) checks.push(headCheck('path', params, engine, pathReader(params)))
  if (query !== undefined) checks.push(headCheck('query', query, engine, queryReader(query)))
  if (headers !== undefined) checks.push(headCheck('header', headers, engine, headerReader(headers)))
  const body = inlineBody(options, engine)
  const rules: Rules = { name: 'schema', headViolations: (exchange) => checks.flatMap((check) => check(exchange)), body }
  return { looksAtBodies: options.body !== undefined, rulesFor: () => rules }
}

function inlineBody({ body, contentTypes, required }: RequestValidationOptions, engine: Engine): BodyRules | null {
  if (body === undefined && contentTypes === undefined && required === undefined) return null
  const validator = body === undefined ? null : engine.validator(body)
  const shape = body === undefined ? { types: [] } : shapeOf(body, localDeref(body))
  const content = (contentTypes ?? (body === undefined ? ['*/*'] : JSON_TYPES)).map((written): ContentRules => {
    const range = written.toLowerCase()
    // What the operator lists beside JSON and forms is JSON under another name: some clients send it as text/plain.
    const reading = isForm(range) ? 'form' : 'json'
    return { range, reading, validator, shape }
  })
  return bodyRules(required ?? body !== undefined, content)
}

function headCheck(place: Violation['in'], schema: JsonSchema, engine: Engine, read: (exchange: Exchange) => Values | string): HeadCheck {
  const validator = engine.validator(schema)
  return (exchange) => {
    const result = read(exchange)
    if (typeof result === 'string') return [{ in: place, pointer: '', message: result }]
    if (result.faults.length > 0) return result.faults.map(({ name, message }) => ({ in: place, pointer: pointerOf([name]), message }))
    const findings = validator.check(result.values, result.size)
    return findings === null ? [] : violationsOf(place, '', findings)
  }
}

function queryReader(schema: JsonSchema): (exchange: Exchange) => Values | string {
  const shape = shapeOf(schema, localDeref(schema))
  return ({ request: { query } }) => {
    const pairs = parsePairs(query)
    return pairs === null ? ENCODING_FAULT : { ...valuesOf(pairs, shape), size: query.length }
  }
}

function pathReader(schema: JsonSchema): (exchange: Exchange) => Values {
  const shape = shapeOf(schema, localDeref(schema))
  return ({ params, request: { path } }) => {
    const values = Object.fromEntries([...params].map(([name, text]) => [name, coerce(text, memberShape(shape, name))]))
    return { values, faults: [], size: path.length }
  }
}

/** Reads the fields that a schema names, as it spells them. */
function headerReader(schema: JsonSchema): (exchange: Exchange) => Values {
  const shape = shapeOf(schema, localDeref(schema))
  const names = namesIn(schema)
  return ({ request: { headers } }) => {
    const entries: [string, unknown][] = []
    let size = 0
    for (const name of names) {
      const text = headers.getJoined(name)
      if (text === undefined) continue
      size += text.length
      const own = memberShape(shape, name)
      const list = own.types.includes('array') ? text.split(',').map((item) => coerce(item.trim(), own.items ?? ANY)) : null
      entries.push([name, list ?? coerce(text, own)])
    }
    return { values: Object.fromEntries(entries), faults: [], size }
  }
}

const ANY: Shape = { types: [] }

function memberShape({ properties, rest }: Shape, name: string): Shape {
  return (properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : rest) ?? ANY
}

/** All members that a schema names. */
function namesIn(schema: JsonSchema): readonly string[] {
  const names = new Set<string>()
  for (const { properties, required, dependentRequired, dependentSchemas } of sameInstance(schema, localDeref(schema))) {
    for (const map of [properties, dependentSchemas]) if (isObject(map)) for (const name of Object.keys(map)) names.add(name)
    if (Array.isArray(required)) for (const name of required) names.add(String(name))
    if (!isObject(dependentRequired)) continue
    for (const [name, others] of Object.entries(dependentRequired)) {
      names.add(name)
      if (Array.isArray(others)) for (const other of others) names.add(String(other))
    }
  }
  return [...names].filter((name) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name))
}
