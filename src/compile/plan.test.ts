import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyIr } from '../config/ir.ts'
import type { PolicySteps } from '../core/policy.ts'
import { policyOrder } from '../core/policy-order.ts'
import { POLICIES } from '../policies/index.ts'
import { planSteps } from './plan.ts'

const AT = { file: 'x', line: 1, column: 1 }
const go = (): undefined => undefined

function identityOf(compatibility: 'kong' | null): string[] {
  const order = policyOrder(POLICIES, compatibility)
  const steps: Readonly<Record<string, PolicySteps>> = {
    'api-key': { onRequest: go },
    basic: { onRequest: go },
    authentication: { onGuard: go, onRequest: go },
    'rate-limit': { onGuard: go, onRequest: go },
  }
  const compiled = Object.entries(steps)
    .toSorted(([a], [b]) => order.positionOf(a) - order.positionOf(b))
    .map(([kind, own]) => ({
      policy: { kind, name: kind, mode: 'enforce', options: {}, at: AT } satisfies PolicyIr,
      scope: 'everywhere',
      steps: own,
    }))
  const { identity } = planSteps(compiled, { order, translating: new Set() })
  return identity.map(({ policy, phase }) => `${policy} ${phase}`)
}

test('how credentials go together is said before the first is looked at, in either order; guards of others keep their place in that of Kong', () => {
  const authentication = ['api-key request', 'basic request', 'authentication request']
  assert.deepEqual(identityOf(null), ['authentication guard', 'rate-limit guard', ...authentication])
  assert.deepEqual(identityOf('kong'), ['authentication guard', ...authentication])
})
