import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sentenceOf } from '../runtime/control-protocol.ts'
import type { FoundDecision, WhatIf } from '../runtime/decisions/desk.ts'
import { runtimeFolder } from './runtime-folder.ts'
import { paint } from './terminal.ts'
import { renderDecision, renderWhatIf } from './why-view.ts'

export interface WhyOptions {
  /** URL of the admin listener. */
  readonly admin: string
  readonly tokenFile?: string | undefined
  /** Each `Name: value`; without a value, the header is left out. */
  readonly if: readonly string[]
  readonly json: boolean
}

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const TIMEOUT_MS = 15_000
const ANSWER_BYTES_MAX = 16 * 2 ** 20

/**
 * `turnpike why REQUEST-ID`: asks a running gateway why a past request was answered as it was, and with `--if` what would be different.
 * @returns the exit status: 0, 1 when the gateway has no such record or cannot be asked, 2 when it was called wrongly
 */
export async function whyCommand(requestId: string, options: WhyOptions): Promise<number> {
  const { stdout } = process
  const admin = URL.parse(options.admin)
  if (admin === null || !/^https?:$/.test(admin.protocol))
    return fail(`expected the URL of an admin listener, found "${options.admin}"`, EXIT_USAGE)
  const headers = headersOf(options.if)
  if (typeof headers === 'string') return fail(headers, EXIT_USAGE)
  let token: string
  try {
    token = findToken(admin, options.tokenFile)
  } catch (error) {
    return fail(sentenceOf(error), EXIT_FAILED)
  }
  const url = new URL(`decisions/${encodeURIComponent(requestId)}`, admin.href.endsWith('/') ? admin.href : `${admin.href}/`)
  const style = (name: Parameters<typeof paint>[0], text: string): string => paint(name, text, stdout)
  try {
    const decision = await ask<Omit<FoundDecision, 'found'>>(url, token, null)
    if (headers === null) {
      stdout.write(`${options.json ? JSON.stringify(decision, null, 2) : renderDecision(decision, style)}\n`)
      return 0
    }
    const whatIf = await ask<Omit<WhatIf, 'found'>>(new URL(`${url.href}/if`), token, { headers })
    stdout.write(`${options.json ? JSON.stringify(whatIf, null, 2) : renderWhatIf(decision, whatIf, Object.keys(headers), style)}\n`)
    return 0
  } catch (error) {
    return fail(sentenceOf(error), EXIT_FAILED)
  }
}

function fail(sentence: string, status: number): number {
  process.stderr.write(`turnpike: ${sentence}\n`)
  return status
}

/** By name; null when none was given, a sentence when one is no header. */
function headersOf(given: readonly string[]): Record<string, string | null> | null | string {
  if (given.length === 0) return null
  const headers: Record<string, string | null> = {}
  for (const text of given) {
    const [, name, value = ''] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*)$/s.exec(text) ?? []
    if (name === undefined) return `${JSON.stringify(text)} is no header: expected 'Name: value', or 'Name:' for none`
    headers[name] = value === '' ? null : value
  }
  return headers
}

/** What was given, what the environment says, or what a gateway on this machine has left for its port. */
function findToken({ port, protocol }: URL, file: string | undefined): string {
  if (file !== undefined) return readFileSync(file, 'utf8').trim()
  const own = process.env['TURNPIKE_ADMIN_TOKEN']
  if (own !== undefined && own !== '') return own
  const found = join(runtimeFolder(process.env), `admin-${port || (protocol === 'https:' ? '443' : '80')}.token`)
  try {
    return readFileSync(found, 'utf8').trim()
  } catch (error) {
    throw new Error(
      `there is no admin token: set TURNPIKE_ADMIN_TOKEN or give --token-file (a gateway of yours on this machine would leave one in ${found})`,
      {
        cause: error,
      },
    )
  }
}

/** @throws with a sentence for the person at the terminal */
async function ask<T>(url: URL, token: string, body: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(url, {
      method: body === null ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, ...(body === null ? {} : { 'content-type': 'application/json' }) },
      body: body === null ? null : JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new Error(`the gateway at ${url.origin} cannot be asked: ${sentenceOf(cause)}`, { cause: error })
  }
  if (Number(response.headers.get('content-length') ?? 0) > ANSWER_BYTES_MAX) throw new Error(`the answer of ${url.origin} is too large`)
  const answer: unknown = await response.json().catch(() => null)
  // Of the same release: its shapes are those of the types here.
  if (response.ok && answer !== null) return answer as T
  const detail = typeof answer === 'object' && answer !== null && 'detail' in answer ? String(answer.detail) : ''
  throw new Error(detail === '' ? `${url.origin} answers ${response.status}: is it an admin listener?` : detail)
}
