import type { ErrorCode } from '../../core/errors.ts'
import type { Reply } from '../../core/reply.ts'
import { ERRORS } from '../error-table.ts'
import { AUTHENTICATION_ERRORS } from './authentication.ts'
import { GATEWAY_ERRORS } from './gateway.ts'
import { GRPC_ERRORS } from './grpc.ts'
import type { KongError } from './kong-error.ts'
import { TRAFFIC_ERRORS } from './traffic.ts'

/** The one table from refusals to what Kong answers. */
export const KONG_ERRORS: ReadonlyMap<string, KongError> = new Map(
  [GATEWAY_ERRORS, AUTHENTICATION_ERRORS, TRAFFIC_ERRORS, GRPC_ERRORS].flatMap((errors) => Object.entries(errors)),
)

/** What Kong answers in place of a refusal; what it has no like of keeps our status and sentence. */
export function kongErrorOf({ reason, detail, about }: Reply, code: ErrorCode): KongError {
  const known = (reason === undefined ? undefined : KONG_ERRORS.get(`${code} ${reason}`)) ?? KONG_ERRORS.get(code)
  if (known === undefined) {
    const { status, sentence, grpcStatus } = ERRORS[code]
    return { status, message: detail ?? sentence, grpcStatus }
  }
  if (about === undefined) return known
  const filled = (text: string): string => text.replaceAll('{about}', () => about)
  const body: Record<string, string> = {}
  for (const [name, text] of Object.entries(known.body ?? {})) body[filled(name)] = filled(text)
  return { ...known, message: filled(known.message), ...(known.body !== undefined && { body }) }
}
