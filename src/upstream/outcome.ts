import type { ErrorCode } from '../core/errors.ts'

/** How a try went for who watches a service or a target. `neither` says nothing of it: the client or the gateway ended the try. */
export type Outcome = 'success' | 'failure' | 'neither'

/** What a failure is blamed on: a fault's code, or the status of an answer. */
export type Blame = ErrorCode | number

/** Faults that carry the service's name and are bounds of ours. */
const OURS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'upstream_connections_exhausted',
  'upstream_body_too_large',
  'upstream_body_invalid',
])

/** @param status of the answer, 0 for none. @param error null for an answer that is whole. @param isFailure which statuses are failures */
export function judge(status: number, error: ErrorCode | null, isFailure: (status: number) => boolean): Outcome {
  if (error !== null) return error.startsWith('upstream_') && !OURS.has(error) ? 'failure' : 'neither'
  if (status === 0) return 'neither'
  return isFailure(status) ? 'failure' : 'success'
}

export function describeBlame(blame: Blame): string {
  return typeof blame === 'number' ? `status ${blame}` : blame
}
