/** Requests run through the steps of `transform`, for tests. */
import type { BodyVerdict, PolicySteps } from '../../core/policy.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, onRequest } from '../testing.ts'
import { transform } from './policy.ts'

export const JSON_TYPE = ['Content-Type', 'application/json'] as const

export function compile(options: unknown): Promise<PolicySteps> {
  return compilePolicy(transform, options)
}

export function compileRequest(request: object): Promise<PolicySteps> {
  return compile({ request: { timestampHeader: false, ...request } })
}

/** A request with a body, run through the steps: its refusal, or what becomes of the body. */
export async function sendBody(steps: PolicySteps, headers: ExchangeShape['headers'], body: Buffer | string) {
  const exchange = exchangeOf({ method: 'POST', bodyLength: Buffer.byteLength(body), headers: headers ?? [] })
  const refused = onRequest(steps, exchange)
  if (refused !== undefined) return { exchange, said: refused.code }
  if (steps.requestBody?.wanted(exchange) !== true) return { exchange, said: 'streams' }
  return { exchange, said: told(await steps.requestBody.run(exchange, Buffer.from(body))) }
}

export function told(verdict: BodyVerdict): string | null {
  if (verdict === undefined) return 'stays'
  return Buffer.isBuffer(verdict) ? verdict.toString() : verdict.code
}
