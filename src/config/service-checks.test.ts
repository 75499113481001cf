import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsIn } from './testing.ts'

const tables: readonly (readonly [string, readonly RegExp[]])[] = [
  ['health: { active: { kind: tcp, interval: 1s }, slowStart: 5s }', []],
  [
    'health: { active: { kind: tcp, path: /healthz, statuses: [200] } }',
    [/^2:\d+ warning a check of `kind: tcp` only connects: this does nothing$/, /only connects/],
  ],
  ['health: { passive: { ejection: 10m } }', [/warning longer than `ejectionMax`: a target is ejected for 5m$/]],
  ['health: { passive: { ejection: 10m, ejectionMax: 10m } }', []],
  ['health: { slowStart: 5s }', [/warning without `active` or `passive` no target comes back: this does nothing$/]],
  ['balancer: consistent-hash, health: { passive: {}, slowStart: 5s }', [/warning with `consistent-hash` there is no slow start/]],
  ['concurrency: { max: 5, queueTimeout: 2s }', [/warning without `queue` nobody waits: this does nothing$/]],
  ['concurrency: { max: 5, queue: 5, queueTimeout: 2s }', []],
]
for (const [service, expected] of tables) {
  test(`${service}: ${expected.length === 0 ? 'nothing to say' : expected.length}`, async () => {
    const found = await problemsIn(`services:\n  a: { targets: ["h:1"], ${service} }\nroutes: { r: { path: /*, service: a } }`)
    assert.equal(found.length, expected.length, found.join('\n'))
    for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern)
  })
}
