import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import type { ConsulRule, DiscoveredTarget, DiscoveryContext } from '../../core/discovery.ts'
import { Backoff } from '../backoff.ts'
import { type Answer, breaksOff, instance, refuses, type ScriptedConsul, says, scriptedConsul, Told } from './testing.ts'
import { type ConsulTiming, watchConsul } from './watch.ts'

const ONE = [instance('a', '10.0.0.2', 80)]
const TWO = [...ONE, instance('b', '10.0.0.3', 80)]

const target = (host: string): DiscoveredTarget => ({ host, port: 80, weight: 1 })
const T1 = [target('10.0.0.2')]
const T2 = [target('10.0.0.2'), target('10.0.0.3')]

interface Watching {
  readonly consul: ScriptedConsul
  readonly targets: Told<readonly DiscoveredTarget[]>
  /** Reasons, and `answers` where it is not degraded. */
  readonly states: Told<string>
  readonly warnings: string[]
  readonly refresh: () => void
}

/** A watch of a Consul that answers so, which ends with the test. */
async function watching(
  t: TestContext,
  answers: readonly Answer[],
  { rule = {}, timing = {} }: { rule?: Partial<ConsulRule>; timing?: ConsulTiming } = {},
): Promise<Watching> {
  const consul = await scriptedConsul(t, ...answers)
  const targets = new Told<readonly DiscoveredTarget[]>()
  const states = new Told<string>()
  const warnings: string[] = []
  const log = { info: () => {}, warn: (_: unknown, message: string) => void warnings.push(message), error: () => {} }
  const none = { add: () => {}, set: () => {}, observe: () => {} }
  const metrics = { counter: () => none, gauge: () => none, histogram: () => none }
  const context: DiscoveryContext = { log, metrics, env: {} }
  const watch = watchConsul(
    {
      kind: 'consul',
      service: 'orders',
      tags: [],
      datacenter: null,
      url: consul.url,
      token: null,
      tls: { ca: null, cert: null, key: null, serverName: null },
      waitMs: 300_000,
      ...rule,
    },
    context,
    {
      onTargets: (told) => targets.tell(told),
      onDegraded: (reason) => states.tell(reason ?? 'answers'),
    },
    { backoff: new Backoff({ minMs: 1, maxMs: 10 }), ...timing },
  )
  t.after(() => watch.close())
  return { consul, targets, states, warnings, refresh: () => watch.refresh() }
}

test('Consul is asked for passing instances, with tags, datacenter and token, and then waited for', async (t) => {
  const { consul, targets } = await watching(t, [says(7, ONE), says(9, TWO)], {
    rule: { service: 'a/b ?', tags: ['v1', 'blau & grün'], datacenter: 'dc2', token: 'secret' },
  })
  await consul.hasAsked(3)
  assert.deepEqual(await targets.at(1), T2)
  for (const { path, params, token } of consul.asked) {
    assert.equal(path, '/v1/health/service/a%2Fb%20%3F')
    assert.deepEqual([params.get('passing'), params.get('dc'), params.getAll('tag'), token], ['1', 'dc2', ['v1', 'blau & grün'], 'secret'])
  }
  assert.deepEqual(
    consul.asked.map(({ params }) => [params.get('index'), params.get('wait')]),
    [
      [null, null],
      ['7', '300000ms'],
      ['9', '300000ms'],
    ],
  )
})

test('targets are told when they differ from the last, and not when only the index does', async (t) => {
  const { consul, targets, states } = await watching(t, [
    says(1, ONE),
    says(2, ONE),
    says(2, TWO),
    says(3, [...TWO].reverse()),
    says(4, TWO),
  ])
  await consul.hasAsked(6)
  // The second answer at index 2 says by its index that nothing has changed.
  assert.deepEqual(targets.all, [T1, T2])
  assert.ok(states.all.every((state) => state === 'answers'))
})

test('an index that goes back is dropped', async (t) => {
  const { consul, targets } = await watching(t, [says(50, ONE), says(20, TWO), says(20, TWO)])
  await consul.hasAsked(4)
  assert.deepEqual(
    consul.asked.map(({ params }) => params.get('index')),
    [null, '50', null, '20'],
  )
  assert.deepEqual(targets.all, [T1, T2])
})

test('an index of 0 is waited for as 1', async (t) => {
  const { consul } = await watching(t, [says(0, ONE)])
  await consul.hasAsked(2)
  assert.equal(consul.asked[1]?.params.get('index'), '1')
})

test('answers that come all the time are asked for about ten times a second', async (t) => {
  const changing = Array.from({ length: 40 }, (_, index) => says(index + 1, index % 2 === 0 ? ONE : TWO))
  const began = performance.now()
  const { consul } = await watching(t, changing)
  await consul.hasAsked(15)
  // Ten at once, then five of 100 ms each: never less, however fast the machine is.
  assert.ok(performance.now() - began >= 400, `${performance.now() - began}`)
})

test('after a failure Consul is asked without an index, and the last answer stays', async (t) => {
  const { consul, targets, states } = await watching(t, [
    says(50, ONE),
    breaksOff,
    breaksOff,
    refuses(500, 'No cluster leader'),
    says(60, TWO),
  ])
  await consul.hasAsked(6)
  assert.deepEqual(
    consul.asked.map(({ params }) => params.get('index')),
    // The first query that breaks off is sent again over a new connection.
    [null, '50', '50', null, null, '60'],
  )
  assert.deepEqual(targets.all, [T1, T2])
  assert.match(await states.at(1), /^127\.0\.0\.1:\d+ closed the connection$/)
  assert.match(await states.at(2), /^127\.0\.0\.1:\d+ answered 500: No cluster leader$/)
  assert.equal(await states.at(3), 'answers')
})

test('a Consul that hangs is given up', async (t) => {
  const { states, targets } = await watching(t, [says(1, ONE)], { rule: { waitMs: 1 }, timing: { answerTimeoutMs: 500 } })
  assert.deepEqual(await targets.at(0), T1)
  assert.match(await states.at(1), /did not answer within 0\.501 s$/)
  assert.match(await states.at(2), /did not answer within 0\.5 s$/)
  assert.equal(targets.all.length, 1)
})

for (const [what, answer, words] of [
  ['a refused token', refuses(403, 'ACL not found'), /answered 403: ACL not found; the token needs service:read for orders and node:read$/],
  ['a page that is not found', refuses(404), /has no Consul API: it answered 404$/],
  ['too many connections', refuses(429, 'busy'), /answered 429: busy; Consul's `http_max_conns_per_client` may be too low$/],
  ['an error with control characters', refuses(500, 'a\u001b[31m\nb'), /answered 500: a \[31m b$/],
  ['a redirect', refuses(301), /answered 301$/],
  [
    'what is no JSON',
    (response: Parameters<Answer>[0]) => void response.writeHead(200, { 'x-consul-index': '1' }).end('<html>'),
    /did not answer with JSON$/,
  ],
  ['JSON of another shape', says(1, [{ Service: 1 }]), /^the answer of 127\.0\.0\.1:\d+ has no object at \[0\]\.Service$/],
  ['an answer without an index', (response: Parameters<Answer>[0]) => void response.end('[]'), /answered without `X-Consul-Index`$/],
  ['an index that is no number', says('-1', []), /answered without `X-Consul-Index`$/],
  [
    'a list that is empty for lack of rights',
    says(1, [], { 'X-Consul-Results-Filtered-By-ACLs': 'true' }),
    /hides what the token may not see: it needs service:read/,
  ],
  [
    'an answer that is too large',
    (response: Parameters<Answer>[0]) => void response.writeHead(200, { 'x-consul-index': '1' }).end(' '.repeat(16 * 2 ** 20 + 1)),
    /answered with more than 16777216 bytes$/,
  ],
] as const) {
  test(`${what} is told in words, and tried again`, async (t) => {
    const { targets, states } = await watching(t, [answer, says(5, ONE)])
    assert.match(await states.at(0), words)
    assert.equal(await states.at(1), 'answers')
    assert.deepEqual(targets.all, [T1])
  })
}

test('a token that cannot be sent is told without being shown', async (t) => {
  const { states } = await watching(t, [], { rule: { token: 'sec\nret' } })
  assert.match(await states.at(0), /Invalid character in header content/)
  assert.doesNotMatch(await states.at(0), /sec|ret"/)
})

test('no instance at first, or by an orderly change, is told at once', async (t) => {
  const { targets, states, warnings } = await watching(t, [says(1, []), says(2, ONE), says(3, [])])
  assert.deepEqual(await targets.at(2), [])
  assert.deepEqual(targets.all, [[], T1, []])
  assert.ok(states.all.every((state) => state === 'answers'))
  assert.equal(warnings.length, 2)
})

test('a Consul that comes back empty is doubted, and believed when it stays empty', async (t) => {
  const { targets, states } = await watching(t, [says(50, ONE), breaksOff, breaksOff, says(12, [])], { timing: { doubtMs: 50 } })
  assert.deepEqual(await targets.at(1), [])
  assert.match(await states.at(2), /^127\.0\.0\.1:\d+ was away or has lost data, and does not know 1 of 1 targets of orders: kept for 1 s$/)
  assert.equal(await states.at(3), 'answers')
})

test('a Consul that comes back empty and fills again costs no target', async (t) => {
  const { consul, targets, states } = await watching(t, [says(50, ONE), breaksOff, breaksOff, says(12, []), says(13, []), says(14, ONE)])
  await consul.hasAsked(7)
  assert.deepEqual(targets.all, [T1])
  assert.equal(states.all.at(-1), 'answers')
})

test('checks that fail soon after Consul has come back are doubted too', async (t) => {
  const { consul, targets } = await watching(t, [says(50, ONE), breaksOff, breaksOff, says(51, ONE), says(52, []), says(53, ONE)])
  await consul.hasAsked(7)
  assert.deepEqual(targets.all, [T1])
})

test('an empty answer with an index that went back is doubted without a failure', async (t) => {
  const { consul, targets, states } = await watching(t, [says(50, ONE), says(12, []), says(12, [])])
  await consul.hasAsked(4)
  assert.deepEqual(targets.all, [T1])
  assert.match(states.all.at(-1) ?? '', /was away or has lost data/)
})

test('a doubt does not outlast its time when there is one more reason to doubt', async (t) => {
  const { targets } = await watching(t, [says(50, ONE), says(12, []), says(12, []), says(11, []), says(11, []), says(10, [])], {
    timing: { doubtMs: 100 },
  })
  assert.deepEqual(await targets.at(1), [])
})

test('a Consul that was away and has not lost data is believed about some of the targets at once', async (t) => {
  const { targets } = await watching(t, [says(50, TWO), breaksOff, breaksOff, says(50, ONE)])
  assert.deepEqual(await targets.at(1), T1)
})

test('a Consul that has lost data is filled again target by target, and those that it does not know yet stay', async (t) => {
  const answers = [
    says(50, TWO),
    breaksOff,
    breaksOff,
    says(12, []),
    says(12, []),
    says(13, [instance('c', '10.0.0.4', 80)]),
    says(14, ONE),
  ]
  const { consul, targets, states } = await watching(t, answers)
  await consul.hasAsked(8)
  assert.deepEqual(targets.all, [T2, [...T2, target('10.0.0.4')]])
  assert.match(states.all.at(-1) ?? '', /does not know 2 of 3 targets of orders/)
})

test('targets that a Consul without its data does not come to know are gone after that time', async (t) => {
  const { targets, states } = await watching(t, [says(50, TWO), says(12, ONE), says(12, ONE)], { timing: { doubtMs: 50 } })
  assert.deepEqual(await targets.at(1), T1)
  assert.deepEqual(targets.all, [T2, T1])
  assert.match(await states.at(1), /does not know 1 of 2 targets of orders/)
})

test('a target that cannot be connected to has Consul asked at once, and not again soon', async (t) => {
  const { consul, targets, refresh } = await watching(t, [says(50, ONE), () => {}, says(60, TWO)])
  await consul.hasAsked(2)
  refresh()
  await consul.hasAsked(4)
  refresh()
  assert.deepEqual(targets.all, [T1, T2])
  assert.deepEqual(
    consul.asked.map(({ params }) => params.get('index')),
    [null, '50', null, '60'],
  )
})

test('after answers and trouble in any order, what holds in the end is what Consul says', async (t) => {
  const answers = fc.record({ index: fc.integer({ min: 0, max: 60 }), body: fc.constantFrom<unknown>(ONE, TWO, [], [{}], null) })
  const answer = fc.oneof(
    answers.map(({ index, body }) => says(index, body)),
    fc.constantFrom<Answer>(breaksOff, refuses(500), refuses(403), (response) => void response.end('<')),
  )
  const property = fc.asyncProperty(fc.array(answer, { maxLength: 8 }), async (script) => {
    const { targets, states } = await watching(t, [...script, says(99, [instance('z', '10.0.0.9', 80)])], { timing: { doubtMs: 10 } })
    const isThere = (): boolean =>
      JSON.stringify(targets.all.at(-1)) === JSON.stringify([target('10.0.0.9')]) && states.all.at(-1) === 'answers'
    while (!isThere()) await states.at(states.all.length)
  })
  await fc.assert(property, { numRuns: 60 })
})

test('a watch that is closed tells nothing any more', async (t) => {
  const consul = await scriptedConsul(t, says(1, ONE))
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const none = { add: () => {}, set: () => {}, observe: () => {} }
  const context = { log, metrics: { counter: () => none, gauge: () => none, histogram: () => none }, env: {} }
  const told: unknown[] = []
  const rule: ConsulRule = {
    kind: 'consul',
    service: 'orders',
    tags: [],
    datacenter: null,
    url: consul.url,
    token: null,
    tls: { ca: null, cert: null, key: null, serverName: null },
    waitMs: 1_000,
  }
  const events = { onTargets: (targets: unknown) => void told.push(targets), onDegraded: (reason: unknown) => void told.push(reason) }
  const watch = watchConsul(rule, context, events)
  await consul.hasAsked(2)
  const before = told.length
  watch.close()
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  assert.equal(told.length, before)
})
