/** What a client is told of a request that does not fit: errors of ajv as violations. */
import type { ErrorObject } from 'ajv/dist/2020.js'
import { boundPointer, pointerPart } from '../../core/strict-json.ts'
import type { Violation } from '../../core/violations.ts'
import type { Findings } from './engine.ts'

const SCHEMA_TEXT_MAX = 120

/** A reply for bodies that take too long to check. */
export const TOO_COMPLEX = 'is too complex to be checked'

/** Errors of a check as violations. @param root the pointer of the value that was checked */
export function violationsOf(place: Violation['in'], root: string, findings: Findings | 'too complex'): Violation[] {
  if (findings === 'too complex') return [{ in: place, pointer: root, message: TOO_COMPLEX }]
  const seen = new Set<string>()
  const violations: Violation[] = []
  for (const error of withoutBranches(findings.errors)) {
    const { keyword } = error
    const pointer = boundPointer(root + error.instancePath + memberOf(error))
    const message = messageOf(error)
    const key = `${pointer} ${message}`
    if (seen.has(key)) continue
    seen.add(key)
    violations.push({ in: place, pointer, message, keyword: keyword === 'false schema' ? 'false' : keyword })
  }
  return violations
}

/**
 * Errors without those inside the alternatives of an `anyOf`, `oneOf` or the like that failed as a whole: they contradict each other. They
 * stand before it, at the same place or below, and come from its own branches or through references from these.
 */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const kept: ErrorObject[] = []
  for (const error of errors) {
    // What `then` or `else` lacks is told by itself.
    if (error.keyword === 'if') continue
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf' || error.keyword === 'propertyNames') dropBranches(kept, error)
    kept.push(error)
  }
  return kept
}

function dropBranches(kept: ErrorObject[], { instancePath, schemaPath }: ErrorObject): void {
  const parent = schemaPath.slice(0, schemaPath.lastIndexOf('/') + 1)
  for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
    const isBelow = last.instancePath === instancePath || last.instancePath.startsWith(`${instancePath}/`)
    const inParent = last.schemaPath.startsWith(parent) && !last.schemaPath.startsWith(`${schemaPath}/`)
    const isSibling = inParent && !/^(?:\$defs|definitions)\//.test(last.schemaPath.slice(parent.length))
    if (!isBelow || isSibling) return
    kept.pop()
  }
}

/** The member that an error is about, where that is not the value itself. */
function memberOf({ keyword, params }: ErrorObject): string {
  const name: unknown =
    keyword === 'required' || keyword === 'dependentRequired' || keyword === 'dependencies'
      ? params['missingProperty']
      : keyword === 'additionalProperties'
        ? params['additionalProperty']
        : keyword === 'unevaluatedProperties'
          ? params['unevaluatedProperty']
          : keyword === 'propertyNames'
            ? params['propertyName']
            : undefined
  return typeof name === 'string' ? `/${pointerPart(name)}` : ''
}

const COMPARISONS: Readonly<Record<string, string>> = { '<=': 'at most', '<': 'less than', '>=': 'at least', '>': 'more than' }

const MESSAGES: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => string>> = {
  type: ({ type }) => `must be of type ${Array.isArray(type) ? type.join(' or ') : shown(type)}`,
  required: () => 'is required',
  dependentRequired: () => 'is required here',
  additionalProperties: () => 'is not allowed here',
  unevaluatedProperties: () => 'is not allowed here',
  propertyNames: () => 'has a name that is not allowed',
  'false schema': () => 'is not allowed here',
  enum: ({ allowedValues }) => {
    const list = Array.isArray(allowedValues) ? allowedValues.map((value) => JSON.stringify(value)).join(', ') : ''
    return list.length > SCHEMA_TEXT_MAX ? 'must be one of the allowed values' : `must be one of ${list}`
  },
  const: ({ allowedValue }) => {
    const value = JSON.stringify(allowedValue) ?? ''
    return value.length > SCHEMA_TEXT_MAX ? 'must be the allowed value' : `must be ${value}`
  },
  format: ({ format }) => `must be in the format ${shown(format)}`,
  pattern: ({ pattern }) => {
    const text = shown(pattern)
    return text.length > SCHEMA_TEXT_MAX ? 'must match its pattern' : `must match the pattern ${text}`
  },
  minLength: ({ limit }) => `must have at least ${shown(limit)} characters`,
  maxLength: ({ limit }) => `must have at most ${shown(limit)} characters`,
  minItems: ({ limit }) => `must have at least ${shown(limit)} items`,
  maxItems: ({ limit }) => `must have at most ${shown(limit)} items`,
  minProperties: ({ limit }) => `must have at least ${shown(limit)} members`,
  maxProperties: ({ limit }) => `must have at most ${shown(limit)} members`,
  minimum: comparison,
  maximum: comparison,
  exclusiveMinimum: comparison,
  exclusiveMaximum: comparison,
  multipleOf: ({ multipleOf }) => `must be a multiple of ${shown(multipleOf)}`,
  uniqueItems: () => 'must not have equal items',
  items: ({ limit }) => `must have at most ${shown(limit)} items`,
  unevaluatedItems: ({ len }) => `must have at most ${shown(len)} items`,
  contains: () => 'lacks an item that it must contain, or has too many',
  anyOf: () => 'must fit one of the allowed forms',
  oneOf: ({ passingSchemas }) =>
    passingSchemas === null || passingSchemas === undefined
      ? 'must fit one of the allowed forms'
      : 'must fit exactly one of the allowed forms, and fits several',
  not: () => 'is of a form that is not allowed',
}

function comparison({ comparison: sign, limit }: Readonly<Record<string, unknown>>): string {
  return `must be ${COMPARISONS[shown(sign)] ?? shown(sign)} ${shown(limit)}`
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function messageOf({ keyword, params }: ErrorObject): string {
  return Object.hasOwn(MESSAGES, keyword) ? (MESSAGES[keyword]?.(params) ?? '') : 'does not fit its schema'
}
