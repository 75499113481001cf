/** How the page asks the admin listener that it came from. */
import { signal } from '@preact/signals'
import { caller, callerShape } from './caller.ts'
import { list, number, object, oneOf, type Shape, type Shaped, text } from './shape.ts'

const TOKEN_KEY = 'turnpike-token'
const TIMEOUT_MS = 15_000
/** To put a configuration into force, all workers have to get ready. */
const WRITE_TIMEOUT_MS = 120_000

/** Kept in the tab's session storage until the tab is closed; never in local storage or a cookie. */
export const token = signal(sessionStorage.getItem(TOKEN_KEY) ?? '')
/** Why somebody has to sign in again; empty when nothing has happened. */
export const signedOutReason = signal('')

const problemList = list(object({ severity: oneOf('error', 'warning'), file: text, line: number, column: number, message: text }))
/** What is wrong with a configuration, and where. */
export type ConfigProblem = Shaped<typeof problemList>[number]
export const configProblems: Shape<readonly ConfigProblem[]> = problemList

/** Why an endpoint gave nothing, in a sentence. */
export class ApiError extends Error {
  /** 0 when there was no answer, or none that could be read. */
  readonly status: number
  readonly problems: readonly ConfigProblem[]

  constructor(status: number, message: string, problems: readonly ConfigProblem[] = []) {
    super(message)
    this.status = status
    this.problems = problems
  }
}

/** What is sent besides the path. */
export interface Sent {
  readonly body: string
  readonly type: 'application/json' | 'application/yaml'
  /** The revision that is to be replaced. */
  readonly ifMatch?: string
}

/** The sentence of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Asks whose token this is, and signs in with it. Throws an {@link ApiError} when the gateway does not know it. */
export async function signIn(given: string): Promise<void> {
  const known = await parsed(await fetched('/whoami', given, null), callerShape)
  sessionStorage.setItem(TOKEN_KEY, given)
  signedOutReason.value = ''
  caller.value = known
  token.value = given
}

/** Forgets the token. @param reason told where one signs in */
export function signOut(reason = ''): void {
  sessionStorage.removeItem(TOKEN_KEY)
  signedOutReason.value = reason
  caller.value = null
  token.value = ''
}

/** After a reload of the page: asks once more what the token may do. */
export async function refreshCaller(): Promise<void> {
  caller.value = await ask('/whoami', callerShape)
}

/** Asks an endpoint for JSON of a shape; with a body, by POST. Throws an {@link ApiError} with a sentence for people. */
export async function ask<T>(path: string, shape: Shape<T>, body?: unknown): Promise<T> {
  return send(path, shape, body === undefined ? null : { body: JSON.stringify(body), type: 'application/json' })
}

/** The same with a body of another type, or on a condition. */
export async function send<T>(path: string, shape: Shape<T>, sent: Sent | null): Promise<T> {
  const given = token.value
  try {
    return await parsed(await fetched(path, given, sent), shape)
  } catch (error) {
    // Of a token that has been replaced meanwhile nobody wants to know.
    if (error instanceof ApiError && error.status === 401 && token.value === given && given !== '') {
      signOut('The gateway does not know this token any more.')
    }
    throw error
  }
}

async function fetched(path: string, given: string, sent: Sent | null): Promise<Response> {
  const headers = new Headers({ authorization: `Bearer ${given}` })
  if (sent !== null) headers.set('content-type', sent.type)
  if (sent?.ifMatch !== undefined) headers.set('if-match', `"${sent.ifMatch}"`)
  try {
    const request = sent === null ? {} : { method: 'POST', body: sent.body }
    return await fetch(path, { headers, ...request, signal: AbortSignal.timeout(sent === null ? TIMEOUT_MS : WRITE_TIMEOUT_MS) })
  } catch {
    throw new ApiError(0, 'The gateway does not answer.')
  }
}

const problemShape = object({ detail: text })
const problemsShape = object({ problems: problemList })

async function parsed<T>(response: Response, shape: Shape<T>): Promise<T> {
  const value = await response.json().then(
    (json: unknown) => json,
    () => null,
  )
  if (response.ok) {
    if (shape(value)) return value
    throw new ApiError(0, 'The gateway answers in a form that this page does not know: reload the page.')
  }
  const detail = problemShape(value) ? value.detail : `The gateway answered ${response.status}.`
  throw new ApiError(response.status, detail, problemsShape(value) ? value.problems : [])
}
