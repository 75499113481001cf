import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeptDecision } from '../../core/decision.ts'
import type { Explanation } from '../explain.ts'
import { irOf, logWith, passThrough, received, snapshotOf } from './testing.ts'
import { differences, type HeaderChanges, headWith } from './what-if.ts'

const log = logWith()
const snapshot = snapshotOf(await irOf('services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { one: { path: /*, service: s } }'))

function kept(headers: readonly (readonly [string, string])[]): KeptDecision {
  passThrough(log, snapshot, received({ path: '/a', query: 'x=1', headers, authority: 'shop.example' }))
  const [first] = log.find({ kind: 'by-id', requestId: 'r' }).found
  assert.ok(first)
  return first
}

function headOf(headers: readonly (readonly [string, string])[], changes: HeaderChanges): string {
  const { record, head } = kept(headers)
  const made = headWith(record, head, changes)
  return 'problem' in made ? made.problem : made.toString('latin1')
}

test('headers are put in place of those that came, whatever their case, or taken away', () => {
  const sent: [string, string][] = [
    ['Host', 'shop.example'],
    ['x-beta', '0'],
    ['X-BETA', '2'],
    ['Cookie', 'a=1'],
  ]
  assert.equal(headOf(sent, {}), 'GET /a?x=1 HTTP/1.1\r\nHost: shop.example\r\nx-beta: 0\r\nX-BETA: 2\r\nCookie: a=1\r\n\r\n')
  assert.equal(headOf(sent, { 'X-Beta': '1', cookie: null }), 'GET /a?x=1 HTTP/1.1\r\nHost: shop.example\r\nX-Beta: 1\r\n\r\n')
  assert.equal(headOf([], { 'X-Beta': '1' }), 'GET /a?x=1 HTTP/1.1\r\nHost: shop.example\r\nX-Beta: 1\r\n\r\n')
  assert.equal(headOf(sent.slice(0, 1), { Host: 'other.example' }), 'GET /a?x=1 HTTP/1.1\r\nHost: other.example\r\n\r\n')
})

test('nothing can be put into a header that would end it', () => {
  for (const changes of [{ 'X-A': 'b\r\nX-C: d' }, { 'X-A': 'b\0' }, { 'X-A': '\u2603' }, { 'X A': 'b' }, { '': 'b' }, { 'X:A': 'b' }])
    assert.match(headOf([], changes), /is no name of a header|can stand in no header/, JSON.stringify(changes))
})

const AT = { file: 'x.yaml', line: 3, column: 1 }

function explanation(part: Partial<Explanation>): Explanation {
  const request: Explanation['request'] = { method: 'GET', target: '/', path: '/', authority: 'h', listener: 'l', scheme: 'http' }
  return { request, route: null, nearMisses: [], policies: [], answer: null, service: null, ...part }
}

const step = (policy: string, verdict: 'continue' | 'answered' | 'not reached', notes: string[] = []): Explanation['policies'][number] => ({
  policy,
  phase: 'request',
  mode: 'enforce',
  verdict,
  changes: [],
  notes,
  answer: verdict === 'answered' ? 'token_invalid' : null,
  scope: 'route',
  at: AT,
})

test('only what differs is told, in the order in which it happens', () => {
  const before = explanation({ policies: [step('jwt', 'answered', ['expired']), step('cors', 'continue')] })
  const after = explanation({
    policies: [step('jwt', 'continue', ['token of ada']), step('cors', 'continue')],
    answer: { status: 200, by: 'static-response', code: null, headers: [], body: '' },
  })
  assert.deepEqual(differences(before, before), [])
  assert.deepEqual(differences(before, after), [
    { what: 'policy jwt', before: 'answers token_invalid: expired (x.yaml:3)', after: 'lets it pass: token of ada (x.yaml:3)' },
    { what: 'answer', before: 'none', after: '200 from static-response' },
  ])
})
