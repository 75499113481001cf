import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POLICIES } from '../policies/index.ts'
import { problemsIn } from './testing.ts'

/** The problems of a configuration with the services `a`, `b` and `c`; `c` has policies. */
function problems(route: string, policiesOfC = 'headers: { request: { set: { X-A: b } } }'): Promise<string[]> {
  const text = [
    'services:',
    '  a: { targets: ["h:1"] }',
    '  b: { targets: ["h:2"] }',
    `  c: { targets: ["h:3"], policies: { ${policiesOfC} } }`,
    'routes:',
    `  r: { path: /*, ${route} }`,
    '  all: { path: /all, split: { services: { a: 1, b: 1, c: 1 } } }',
  ].join('\n')
  return problemsIn(text, { policies: POLICIES })
}

const tables: readonly (readonly [string, string | undefined, readonly RegExp[]])[] = [
  ['service: a', undefined, []],
  ['split: { services: { a: 90, b: 10 } }', undefined, []],
  ['service: a, protocols: [http, https]', undefined, []],
  ['service: a, protocols: https, httpsRedirect: 308', undefined, []],
  ['service: a, protocols: [grpc, http]', undefined, [/^6:\d+ error expected `http` and `https`, or `grpc` and `grpcs`/]],
  ['service: a, protocols: [http, https], httpsRedirect: 301', undefined, [/^6:\d+ error expected `protocols: https` beside it/]],
  ['service: a, protocols: grpcs, httpsRedirect: 301', undefined, [/^6:\d+ error expected `protocols: https` beside it/]],
  ['service: a, protocols: https, httpsRedirect: 303', undefined, [/^6:\d+ error expected `301`/]],
  ['service: a, split: { services: { a: 1 } }', undefined, [/^6:\d+ error expected either `service` or `split`, not both$/]],
  ['split: { services: { a: 1, bb: 1 } }', undefined, [/error there is no service `bb`; services: `a`/]],
  ['split: { services: { a: 0 } }', undefined, [/error expected at least one weight above 0/]],
  ['split: { services: { a: 1 }, sticky: user }', undefined, [/warning nobody is known on this route/]],
  ['split: { services: { a: 1 }, sticky: cookie }', undefined, [/error expected `user`, `cookie:NAME` or `header:NAME`/]],
  [
    'split: { services: { a: 1, c: 1 } }',
    'basic: {}',
    [/the split of the route `all`/, /^4:\d+ error `basic` acts before the split of the route `r` chooses this service/],
  ],
  [
    'service: a, mirror: { service: c }',
    undefined,
    [/^6:\d+ warning the policies of the service `c` \(`headers` …\) do not apply to copies$/],
  ],
  ['service: a, mirror: { service: a }', undefined, [/^6:\d+ warning the route asks this service anyway/]],
  ['split: { services: { a: 1, b: 1 } }, mirror: { service: b }', undefined, [/warning the route asks this service anyway/]],
  ['service: a, mirror: { service: d }', undefined, [/error there is no service `d`/]],
  ['service: a, fallback: { service: a }', undefined, [/warning the route falls back to a service that it asks anyway/]],
  ['service: a, fallback: { service: c }', undefined, [/do not apply when a route falls back to it/]],
  ['service: a, fallback: { stale: true }', undefined, [/warning there is no stale answer without a `cache` policy/]],
  ['service: a, fallback: { stale: true }, policies: { cache: { mode: shadow } }', undefined, [/warning there is no stale answer without/]],
  ['service: a, fallback: { stale: true }, policies: { cache: {} }', undefined, []],
  ['fallback: { response: {} }, policies: { redirect: { to: / } }', undefined, [/warning the route asks no service: this does nothing$/]],
  [
    'service: a, fallback: { response: { body: "{param.id} {{param.x}" } }',
    undefined,
    [/warning no path of this route has a capture `id`: `\{param.id\}` is always empty$/],
  ],
  [
    'service: a, policies: { transform: { request: { path: "/x/{param.ID}" } } }',
    undefined,
    [/^6:\d+ warning no path of this route has a capture `ID`/],
  ],
  ['service: a, fallback: {}', undefined, [/error expected at least one of `stale`, `service` and `response`/]],
  [
    'service: a, fallback: { response: { body: "{request.ix}" } }',
    undefined,
    [/error there is no placeholder `\{request.ix\}`; did you mean `request.id`/],
  ],
  ['service: a, fallback: { response: { status: 204, body: x } }', undefined, [/error an answer with status 204, 205 or 304 has no body/]],
  [
    'service: a, fallback: { statuses: [6xx], stale: true }, policies: { cache: {} }',
    undefined,
    [/expected a status \(100 to 599\) or a class/],
  ],
]
for (const [route, policies, expected] of tables) {
  test(`${route}${policies === undefined ? '' : ` with ${policies}`}: ${expected.length === 0 ? 'nothing to say' : expected.length}`, async () => {
    const found = await problems(route, policies)
    assert.equal(found.length, expected.length, found.join('\n'))
    for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? '', pattern)
  })
}
