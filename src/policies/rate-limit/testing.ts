/** Limits under a time that the test gives, with stores that say what they were asked. */
import assert from 'node:assert/strict'
import { ModelGroup } from '../../../test/contract/limit-model.ts'
import { systemClock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { CompileContext, PolicySteps } from '../../core/policy.ts'
import type { LimitDecision, LimitGroup, LimitStore } from '../../core/store.ts'
import { contextWith, fieldsOf, onResponse } from '../testing.ts'

/** What a policy did with its stores, under a time that the test gives. */
export class World {
  nowMs = 1_000_000_000
  /** Whether the store `redis` answers. */
  redisAnswers = true
  /** Names of the states that were asked for, with the store. */
  readonly groups: string[] = []
  /** The keys of all takes. */
  readonly takes: (readonly string[])[] = []
  readonly logged: string[] = []
  readonly counts = new Map<string, number>()
  readonly context: CompileContext

  constructor() {
    const clock = { ...systemClock, now: () => this.nowMs, epochMs: () => this.nowMs }
    const log = (_fields: unknown, message: string): void => {
      this.logged.push(message)
    }
    this.context = contextWith({
      clock,
      scope: 'service users',
      log: { info: log, warn: log, error: log },
      stores: { limits: (name) => this.#store(name), values: () => null, responses: () => assert.fail('no responses') },
      metrics: {
        ...contextWith({}).metrics,
        counter: (name, _help, labels) => ({
          add: (amount) => {
            const series = `${name} ${Object.values(labels).join(' ')}`
            this.counts.set(series, (this.counts.get(series) ?? 0) + amount)
          },
        }),
      },
    })
  }

  #store(name: string): LimitStore {
    return {
      reach: name === 'redis' ? 'gateways' : 'gateway',
      group: (id, rules) => {
        this.groups.push(`${name}: ${id}`)
        const model = new ModelGroup(rules)
        const now = (): bigint => BigInt(this.nowMs) * 1000n
        const group: LimitGroup = {
          take: (keys, cost) => {
            this.takes.push([...keys])
            if (name === 'memory') return model.take(keys, cost, now())
            return this.redisAnswers
              ? Promise.resolve(model.take(keys, cost, now()))
              : Promise.reject(new GatewayError('limit_store_unavailable', 'redis is down', 'internal'))
          },
          refusal: (keys, cost) => refused(model.look(keys, cost, now())),
          peek: (keys, cost) => model.look(keys, cost, now()),
        }
        return group
      },
    }
  }
}

function refused(decision: LimitDecision): LimitDecision | null {
  return decision.admitted ? null : decision
}

/** The fields of the response of an exchange. */
export function respond(steps: PolicySteps, exchange: Exchange, status = 200): readonly string[] {
  exchange.response.status = status
  onResponse(steps, exchange)
  return fieldsOf(exchange.response.headers)
}
