/** What the tests of this policy share. */

import type { PolicySteps, PolicySurroundings, Remark, Verdict } from '../../core/policy.ts'
import type { Violation } from '../../core/violations.ts'
import { compilePolicy, contextWith, type ExchangeShape, exchangeOf, onRequest } from '../testing.ts'
import { requestValidation } from './policy.ts'

const around: PolicySurroundings = {
  optionsOf: () => undefined,
  authenticates: false,
  stores: new Set(),
  consumers: new Set(),
  clientCertificates: false,
}

/** Options as workers get them: defaults filled in, files read, sent as JSON. */
async function resolved(written: unknown, files: Readonly<Record<string, string>>) {
  const schema = await requestValidation.loadSchema()
  const read = async (path: string): Promise<string> => {
    const text = files[path]
    if (text === undefined) throw new Error(`the file \`${path}\` cannot be read: it is not there`)
    return text
  }
  return (
    requestValidation.resolve?.(schema.parse(written), { read, readBytes: async (path) => Buffer.from(await read(path)) }) ??
    schema.parse(written)
  )
}

/** What `check` says of options. */
export async function remarksOn(written: unknown, files: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const remarks: readonly Remark[] = requestValidation.review?.(await resolved(written, files), around) ?? []
  return remarks.map(({ severity, path, message }) => `${severity} ${path.join('.')}: ${message}`)
}

export async function stepsFor(written: unknown, files: Readonly<Record<string, string>> = {}): Promise<PolicySteps> {
  const options = await resolved(written, files)
  if (options.api === undefined) return compilePolicy(requestValidation, written)
  await requestValidation.load?.()
  return requestValidation.compile(structuredClone(options), contextWith({}))
}

export interface Sent extends ExchangeShape {
  readonly body?: string | Buffer
}

/** The verdict on a request: of its head, and, when that passes and the body is wanted, of its body. */
export function verdictOn(steps: PolicySteps, { body, ...shape }: Sent): Verdict {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const exchange = exchangeOf({
    ...shape,
    ...(bytes !== undefined && { method: shape.method ?? 'POST', bodyLength: shape.bodyLength ?? bytes.length }),
    headers: [...(bytes === undefined || hasType(shape) ? [] : [['Content-Type', 'application/json'] as const]), ...(shape.headers ?? [])],
  })
  const verdict = onRequest(steps, exchange)
  const { requestBody } = steps
  if (verdict !== undefined || bytes === undefined || requestBody?.wanted(exchange) !== true) return verdict
  const result = requestBody.run(exchange, bytes)
  if (result instanceof Promise || Buffer.isBuffer(result)) throw new Error('this policy neither waits nor changes bodies')
  return result
}

function hasType({ headers = [] }: Sent): boolean {
  return headers.some(([name]) => name.toLowerCase() === 'content-type')
}

/** Violations, each as `in pointer message`; the code alone for another refusal; null for a request that passes. */
export function toldOf(steps: PolicySteps, sent: Sent): readonly string[] | string | null {
  const verdict = verdictOn(steps, sent)
  if (verdict === undefined) return null
  const violations = verdict.members?.['violations']
  if (verdict.code !== 'request_invalid' || !isViolations(violations)) return verdict.code ?? String(verdict.status)
  return violations.map(({ in: place, pointer, message }) => `${place} ${pointer} ${message}`)
}

function isViolations(value: unknown): value is readonly Violation[] {
  return Array.isArray(value)
}
