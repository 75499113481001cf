/** Snapshots and exchanges for the tests of this folder. */
import { findRoute } from '../../compile/find-route.ts'
import type { RoutePlan } from '../../compile/plan.ts'
import { compileSnapshot, type Snapshot } from '../../compile/snapshot.ts'
import type { DecisionsIr, GatewayIr } from '../../config/ir.ts'
import { loadConfig } from '../../config/load.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { DecisionTrace } from '../../core/decision-trace.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Reply } from '../../core/reply.ts'
import { apiKey } from '../../policies/api-key/policy.ts'
import { headers } from '../../policies/headers/policy.ts'
import { ipAccess } from '../../policies/ip-access/policy.ts'
import { contextWith, type ExchangeShape, exchangeOf } from '../../policies/testing.ts'
import { runSteps } from '../phases.ts'
import { DecisionLog } from './decision-log.ts'

const KINDS = [ipAccess, apiKey, headers]

/** A time that only moves when it is told to. */
export class StillClock implements Clock {
  epoch = 1_800_000_000_000
  now = (): number => this.epoch - 1_700_000_000_000
  epochMs = (): number => this.epoch
  random = (): number => 0
  uuid = (): string => systemClock.uuid()
}

/** A checked configuration in the native form. */
export async function irOf(yaml: string): Promise<GatewayIr> {
  const loaded = await loadConfig(['x.yaml'], { policies: KINDS, env: {}, readFile: async () => yaml })
  if (!('ir' in loaded)) throw new Error(JSON.stringify(loaded.problems))
  return loaded.ir
}

export function snapshotOf(ir: GatewayIr): Snapshot {
  return compileSnapshot(ir, { ...contextWith({}), policies: KINDS, service: () => null as never })
}

export const SETTINGS: DecisionsIr = { records: 100, bytesMax: 2 ** 20, debugSecret: null }

export function logWith(settings: Partial<DecisionsIr> = {}, clock: Clock = new StillClock()): DecisionLog {
  const log = new DecisionLog(clock)
  log.use({ ...SETTINGS, ...settings })
  return log
}

/** An exchange as a connection begins it, with a request that was received as described. */
export function received(shape: ExchangeShape & { readonly requestId?: string }, serial = 1): Exchange {
  const exchange = exchangeOf(shape)
  const { request } = exchange
  request.target = request.query === '' ? request.path : `${request.path}?${request.query}`
  request.serial = serial
  exchange.requestId = shape.requestId ?? 'r'
  return exchange
}

/** Runs an exchange as far as the request steps go, and records it. @returns its trace, for the next exchange of the same connection */
export function passThrough(
  log: DecisionLog,
  snapshot: Snapshot,
  exchange: Exchange,
  last: DecisionTrace | null = null,
): DecisionTrace | null {
  const trace = log.begin(exchange, last)
  exchange.trace = trace
  const match = findRoute(snapshot, exchange.request)
  const plan: RoutePlan = match.kind === 'found' ? match.value : snapshot.unmatched
  let answer: Reply | null = null
  const run = (steps: RoutePlan['steps']['request']): void =>
    runSteps(
      steps,
      0,
      exchange,
      (_, error) => rethrow(error),
      (reply) => {
        answer ??= reply
      },
    )
  run(plan.steps.identity)
  if (answer === null) run(plan.steps.request)
  const code = answer === null ? (match.kind === 'found' ? null : 'route_not_found') : (answer as Reply).code
  log.record(exchange, plan, { status: code === null ? 200 : 403, error: code, durationMs: 1 })
  return trace
}

function rethrow(error: unknown): never {
  throw error
}
