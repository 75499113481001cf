import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsIn } from './testing.ts'

const tables: readonly (readonly [string, RegExp | null])[] = [
  ['discovery: { consul: users }', null],
  ['discovery: { kubernetes: "users.shop.svc.cluster.local:8080" }', null],
  ['discovery: { kubernetes: "users.shop.svc.cluster.local:http" }', null],
  ['discovery: { dns: "_http._tcp.users.internal" }', null],
  ['targets: ["h:1"], discovery: { consul: users }', /^2:\d+ error expected either `targets` or `discovery`, not both$/],
  ['balancer: random', /error expected `targets`, or `discovery`$/],
  ['discovery: {}', /error expected exactly one of `consul`, `kubernetes` and `dns`$/],
  ['discovery: { consul: users, dns: "users:80" }', /error expected exactly one of/],
  ['discovery: { kubernetes: users }', /error expected `service.namespace.svc.cluster.local` with an optional `:port`$/],
  ['discovery: { kubernetes: "users.shop.svc.cluster.local:99999" }', /error expected a port from 1 to 65535, or the name of one$/],
  ['discovery: { dns: users.internal }', /error expected `name:port`, or a name that begins with `_` for SRV records$/],
  ['discovery: { dns: { name: users.internal } }', /error expected `port`, or `record: SRV`$/],
]
for (const [service, expected] of tables) {
  test(`${service}: ${expected === null ? 'nothing to say' : 'refused'}`, async () => {
    const found = await problemsIn(`services:\n  a: { ${service} }\nroutes: { r: { path: /*, service: a } }`)
    assert.equal(found.length, expected === null ? 0 : 1, found.join('\n'))
    if (expected !== null) assert.match(found[0] ?? '', expected)
  })
}
