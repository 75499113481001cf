import { signal } from '@preact/signals'
import { object, type Shape, text } from './shape.ts'

const TOKEN_KEY = 'turnpike-token'
const TIMEOUT_MS = 10_000

/** Kept until the tab is closed. */
export const token = signal(sessionStorage.getItem(TOKEN_KEY) ?? '')

export function setToken(value: string): void {
  token.value = value
  if (value === '') sessionStorage.removeItem(TOKEN_KEY)
  else sessionStorage.setItem(TOKEN_KEY, value)
}

/** Why an endpoint gave nothing, in a sentence. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function askText(path: string, body?: unknown): Promise<string> {
  let response: Response
  try {
    response = await fetch(path, {
      headers: { authorization: `Bearer ${token.value}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch {
    throw new ApiError(0, 'The gateway does not answer.')
  }
  const answer = await response.text()
  if (response.ok) return answer
  if (response.status === 401 && token.value !== '') setToken('')
  throw new ApiError(response.status, detailOf(answer) ?? `The gateway answered ${response.status}.`)
}

/** Asks an endpoint for JSON of a shape. Throws an {@link ApiError} with a sentence for people. */
export async function ask<T>(path: string, shape: Shape<T>, body?: unknown): Promise<T> {
  const value = parsed(await askText(path, body))
  if (!shape(value)) throw new ApiError(0, 'The gateway answers in a form that this page does not know: reload it.')
  return value
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

const problem = object({ detail: text })

function detailOf(json: string): string | null {
  const value = parsed(json)
  return problem(value) ? value.detail : null
}
