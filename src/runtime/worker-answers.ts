import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { StoreName } from '../core/store.ts'
import type { ServiceState } from '../upstream/service-state.ts'
import type { WorkerAnswer } from './control-protocol.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What one worker knows of its services. */
export interface WorkerServices {
  readonly worker: number
  readonly pid: number
  /** Null when it did not answer. */
  readonly services: readonly ServiceState[] | null
  /** Why it did not; null when it did. */
  readonly reason: string | null
}

/** What came of a purge. */
export interface PurgeResult {
  /** Workers whose memory is rid of it. */
  readonly workers: number
  /** Stores that keep responses under the configuration in force. */
  readonly stores: readonly StoreName[]
  /** What went wrong, in sentences; with any, it has to be done again. */
  readonly failures: readonly string[]
}

/** What came of something that all workers were told. */
export interface EverywhereResult {
  /** That have done it. */
  readonly workers: number
  /** Why others have not, in sentences. */
  readonly failures: readonly string[]
}

/** What came of a new configuration. */
export type ApplyResult = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Why it is not the answer that was asked for. */
export function reasonOf(answer: WorkerAnswer): string {
  return answer.kind === 'failed' ? answer.reason : `unexpected answer "${answer.kind}"`
}

/** Workers that are asked one after the other what is left of limits: the first may just have died. */
const LIMITS_TRIES = 2

/**
 * What is left of limits. One worker is asked, since all count together; where they cannot, it says so, and knows its own part.
 * @returns null when none answers
 */
export async function limitsFrom(workers: readonly WorkerProcess[], query: LimitsQuery, timeoutMs: number): Promise<LimitsAnswer | null> {
  for (const worker of workers.slice(0, LIMITS_TRIES)) {
    const answer = await worker.request({ kind: 'limits', query }, timeoutMs)
    if (answer.kind === 'limits') return answer.limits
  }
  return null
}
