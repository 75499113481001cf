import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Admission, admit, type Consumer, type UserRecord } from '../../core/caller.ts'
import type { PolicySurroundings, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { DetailedTrace } from '../../core/trace.ts'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { authorize } from './policy.ts'

/** Who asks: nobody when it is left out. */
interface Who extends Partial<Admission> {
  readonly user?: UserRecord
}

interface Outcome {
  readonly verdict: Verdict
  readonly notes: readonly string[]
}

async function ask(options: unknown, who?: Who): Promise<Outcome> {
  const exchange = exchangeOf()
  const trace = new DetailedTrace()
  exchange.trace = trace
  if (who !== undefined) {
    admit(exchange, { method: 'jwt', ...who })
    exchange.caller.user = who.user ?? null
  }
  const verdict = onRequest(await compilePolicy(authorize, options), exchange)
  return { verdict, notes: trace.pending }
}

const consumer = (name: string, ...groups: string[]): Consumer => ({ name, groups, hasPolicies: false })
const record = (roles: readonly string[], permissions: readonly string[] = []): UserRecord => ({ roles, permissions })

const PASSES = 'passes'

/** Options, who asks, and the note of why it is refused. */
const CASES: readonly (readonly [name: string, options: unknown, who: Who, expected: string])[] = [
  ['a permission of the record', { permission: 'a' }, { user: record([], ['b', 'a']) }, PASSES],
  ['a permission of the token', { permission: 'a' }, { claims: { permissions: ['a'] } }, PASSES],
  ['a permission that is a text', { permission: 'a' }, { claims: { permissions: 'a' } }, PASSES],
  ['a permission that is no whole text', { permission: 'a' }, { claims: { permissions: 'a b' } }, 'the permission a is missing'],
  ['a permission in another case', { permission: 'a' }, { claims: { permissions: ['A'] } }, 'the permission a is missing'],
  ['a caller without claims', { permission: 'a' }, {}, 'the permission a is missing'],
  [
    'a record that stands in for the token',
    { permission: 'a' },
    { user: record([]), claims: { permissions: ['a'], roles: ['admin'] } },
    'the permission a is missing',
  ],
  ['a claim by another name', { permission: 'a', permissionsClaim: 'x.may' }, { claims: { x: { may: ['a'] } } }, PASSES],
  ['one of several permissions', { permissions: ['a', 'b'] }, { user: record([], ['b']) }, PASSES],
  ['none of several permissions', { permissions: ['a', 'b'] }, { user: record([], ['c']) }, 'none of the permissions a, b is there'],
  ['all permissions', { permissions: { all: ['a', 'b'] } }, { user: record([], ['b', 'a']) }, PASSES],
  ['not all permissions', { permissions: { all: ['a', 'b'] } }, { user: record([], ['a']) }, 'the permission b is missing'],
  ['any and all', { permissions: { any: ['x', 'y'], all: ['a'] } }, { user: record([], ['a', 'y']) }, PASSES],
  [
    'all without any',
    { permissions: { any: ['x', 'y'], all: ['a'] } },
    { user: record([], ['a']) },
    'none of the permissions x, y is there',
  ],
  ['a role', { roles: ['a', 'b'] }, { user: record(['b']) }, PASSES],
  ['a role of a nested claim', { roles: ['a'], rolesClaim: '/realm_access/roles' }, { claims: { realm_access: { roles: ['a'] } } }, PASSES],
  ['no role', { roles: { all: ['a'] } }, { claims: { roles: { a: true } } }, 'the role a is missing'],
  ['an inherited name', { roles: ['a'], rolesClaim: 'constructor' }, { claims: {} }, 'none of the roles a is there'],
  ['admin for a permission', { permission: 'a' }, { user: record(['admin']) }, PASSES],
  ['admin for all else', { roles: ['r'], scopes: ['s'], claims: { c: 1 } }, { claims: { roles: ['admin'] } }, PASSES],
  ['admin by another name', { permission: 'a', admin: 'root' }, { user: record(['root']) }, PASSES],
  ['no admin by another name', { permission: 'a', admin: 'root' }, { user: record(['admin']) }, 'the permission a is missing'],
  ['admin switched off', { permission: 'a', admin: false }, { user: record(['admin', 'false']) }, 'the permission a is missing'],
  ['admin as a role that is asked for, switched off', { roles: ['admin'], admin: false }, { user: record(['admin']) }, PASSES],
  [
    'admin of a consumer that is denied',
    { permission: 'a', consumers: { deny: ['bad'] } },
    { user: record(['admin']), consumer: consumer('bad') },
    'the consumer bad is denied',
  ],
  ['a scope', { scopes: ['a'] }, { claims: { scope: 'b a' } }, PASSES],
  ['a scope of a list', { scopes: { all: ['a', 'b'] } }, { claims: { scp: ['b', 'a'] } }, PASSES],
  ['a part of a scope', { scopes: ['a'] }, { claims: { scope: 'ab a.b' } }, 'none of the scopes a is there'],
  ['`scope` before `scp`', { scopes: ['a'] }, { claims: { scope: '', scp: ['a'] } }, 'none of the scopes a is there'],
  ['a claim', { claims: { tier: 'gold' } }, { claims: { tier: 'gold' } }, PASSES],
  ['one of several values', { claims: { tier: ['gold', 7, true] } }, { claims: { tier: 7 } }, PASSES],
  ['a claim that is a list', { claims: { tiers: 'gold' } }, { claims: { tiers: ['x', 'gold'] } }, PASSES],
  ['a nested claim', { claims: { 'a.b': 1, '/c/0': true } }, { claims: { a: { b: 1 }, c: [true] } }, PASSES],
  ['a claim of another type', { claims: { n: 1 } }, { claims: { n: '1' } }, 'the claim n has another value'],
  ['a claim that is no scalar', { claims: { n: 'x' } }, { claims: { n: { x: 'x' } } }, 'the claim n has another value'],
  ['a claim that is not there', { claims: { n: 'undefined' } }, { claims: {} }, 'the claim n is missing'],
  ['claims of a caller without any', { claims: { n: 1 } }, {}, 'the claim n is missing'],
  ['one of two claims', { claims: { a: 1, b: 2 } }, { claims: { a: 1, b: 1 } }, 'the claim b has another value'],
  ['a consumer', { consumers: { allow: ['app'] } }, { consumer: consumer('app') }, PASSES],
  ['another consumer', { consumers: { allow: ['app'] } }, { consumer: consumer('x') }, 'no consumer of the caller is allowed'],
  ['no consumer', { consumers: { allow: ['app'] } }, {}, 'no consumer of the caller is allowed'],
  ['no consumer where some are denied', { consumers: { deny: ['app'] } }, {}, PASSES],
  ['a group', { groups: { allow: ['g'] } }, { consumer: consumer('app', 'f', 'g') }, PASSES],
  [
    'a group allowed and one denied',
    { groups: { allow: ['g'], deny: ['h'] } },
    { consumer: consumer('app', 'g', 'h') },
    'the group h is denied',
  ],
  ['no group', { groups: { allow: ['g'] } }, { consumer: consumer('app') }, 'no group of the caller is allowed'],
  [
    'all conditions but one',
    { groups: { allow: ['g'] }, permission: 'a', roles: ['r'] },
    { consumer: consumer('app', 'g'), user: record([], ['a']) },
    'none of the roles r is there',
  ],
]
for (const [name, options, who, expected] of CASES) {
  test(`${name}: ${expected}`, async () => {
    const { verdict, notes } = await ask(options, who)
    if (expected === PASSES) return assert.equal(verdict, undefined)
    const code = /(?:consumer|group) /.test(expected) ? 'consumer_denied' : 'permission_denied'
    assert.equal(verdict?.code, code)
    assert.deepEqual(notes, [expected])
    // What others may do is nobody's business.
    assert.equal(verdict.detail, null)
    assert.equal(verdict.members, undefined)
    return undefined
  })
}

test('it is noted that an administrator passes in spite of what is missing', async () => {
  assert.deepEqual((await ask({ permission: 'a' }, { user: record(['admin']) })).notes, [
    'the permission a is missing, but the caller is admin',
  ])
})

test('nobody is asked for credentials, and not told what is missing', async () => {
  const { verdict, notes } = await ask({ permission: 'a' })
  assert.equal(verdict?.code, 'credentials_missing')
  assert.deepEqual(verdict.headers, [['WWW-Authenticate', 'Bearer']])
  assert.deepEqual(notes, ['nobody is known'])
})

test('whose credential was wrong where one of several is enough is told so', async () => {
  const exchange = exchangeOf()
  exchange.caller.anyOf = true
  exchange.caller.refusal = refuse('token_expired')
  assert.equal(onRequest(await compilePolicy(authorize, { permission: 'a' }), exchange)?.code, 'token_expired')
})

test('a scope that is missing is named in the challenge, nothing else is', async () => {
  const options = { scopes: { any: ['r', 'w'], all: ['x', 'r'] } }
  assert.deepEqual((await ask(options, { claims: { scope: 'x' } })).verdict?.headers, [
    ['WWW-Authenticate', 'Bearer error="insufficient_scope", scope="x r w"'],
  ])
  assert.deepEqual((await ask({ permission: 'p' }, {})).verdict?.headers, [])
})

test('options without a condition, and conditions without a name, are refused', async () => {
  for (const options of [
    {},
    { admin: false },
    { roles: [] },
    { roles: {} },
    { roles: { any: [] } },
    { permissions: { some: ['a'] } },
    { claims: {} },
    { claims: { a: [] } },
    { claims: { a: null } },
    { claims: { a: { b: 1 } } },
    { groups: {} },
    { groups: { allow: [] } },
    { scopes: ['a b'] },
    { scopes: ['a"b'] },
    { scopes: ['a\\b'] },
    { scopes: ['a\r\nb'] },
    { permission: '' },
    { permission: 'a', admin: true },
  ]) {
    assert.notDeepEqual(await problemsOf(authorize, options), [], JSON.stringify(options))
  }
  assert.deepEqual(await problemsOf(authorize, {}), [
    'expected at least one of `permission`, `permissions`, `roles`, `scopes`, `claims`, `groups`, `consumers`',
  ])
})

test('a route where nobody is known, and names that no consumer has, are errors', async () => {
  const schema = await authorize.loadSchema()
  const options = schema.parse({ consumers: { allow: ['app', 'ap'], deny: ['x'] } })
  const around: PolicySurroundings = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set(),
    consumers: new Set(['app']),
    clientCertificates: false,
  }
  const remarks = authorize.review?.(options, around) ?? []
  assert.deepEqual(
    remarks.map(({ path }) => path),
    [
      ['consumers', 'allow', 1],
      ['consumers', 'deny', 0],
    ],
  )
  const [first] = authorize.review?.(schema.parse({ permission: 'a' }), { ...around, authenticates: false }) ?? []
  assert.equal(first?.severity, 'error')
  assert.deepEqual(authorize.review?.(schema.parse({ permission: 'a' }), around), [])
})

test('who is not known is challenged, unless that is switched off', async () => {
  const refusalOf = async (options: object) => onRequest(await compilePolicy(authorize, options), exchangeOf())
  const groups = { groups: { allow: ['a'] } }
  assert.deepEqual((await refusalOf(groups))?.headers, [['WWW-Authenticate', 'Bearer']])
  assert.deepEqual((await refusalOf({ ...groups, challenge: false }))?.headers, [])
  assert.equal((await refusalOf(groups))?.reason, 'nobody')
})

test('a stranger in no group is told apart by the reason', async () => {
  const steps = await compilePolicy(authorize, { groups: { allow: ['a'] } })
  const reasonOf = (method: string, ...groups: string[]) => {
    const exchange = exchangeOf()
    admit(exchange, { method, consumer: consumer('nobody', ...groups) })
    return onRequest(steps, exchange)?.reason
  }
  assert.deepEqual([reasonOf('anonymous'), reasonOf('anonymous', 'b'), reasonOf('basic')], ['stranger', undefined, undefined])
})
