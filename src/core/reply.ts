import type { ErrorCode } from './errors.ts'
import type { Headers } from './headers.ts'

/** An answer that a policy gives itself. Made at load where it does not depend on the request, and then shared: never changed. */
export interface Reply {
  /** Of a refusal 0 where the code decides, or what the configuration says instead. */
  readonly status: number
  /** Fields of an answer that was received before (a cache's), which `headers` come behind. Never changed. */
  readonly head?: Headers
  /** Names in the spelling to be written. Framing fields (Content-Length, Connection …) are the gateway's. */
  readonly headers: readonly (readonly [string, string])[]
  /** Bytes, or text that is sent as UTF-8; empty for none. */
  readonly body: string | Buffer
  /** Set on refusals: the body is then made by `runtime/respond.ts` in the form the client accepts, from this code. */
  readonly code: ErrorCode | null
  /** The plain sentence of a refusal, when the code's own does not say enough. Never names an internal host. */
  readonly detail: string | null
  /** Further members of a refusal's problem document (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  /** Finer than the code, why: a word of the closed set that the policy's page lists, such as `key-missing`. No client sees it as such. */
  readonly reason?: string
  /** What the reason is about, the name of a claim say. No client sees it as such. */
  readonly about?: string
}

/** An answer with a body of its own. */
export function answer(status: number, headers: Reply['headers'] = [], body: string | Buffer = ''): Reply {
  return { status, headers, body, code: null, detail: null }
}

/**
 * A refusal: status and body follow from the code.
 * @param reason see `Reply`
 */
export function refuse(
  code: ErrorCode,
  detail: string | null = null,
  headers: Reply['headers'] = [],
  members?: Readonly<Record<string, unknown>>,
  reason?: string,
): Reply {
  return {
    status: 0,
    headers,
    body: '',
    code,
    detail,
    ...(members !== undefined && { members }),
    ...(reason !== undefined && { reason }),
  }
}
