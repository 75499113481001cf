import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadTexts, problemsIn } from './testing.ts'

const ROUTE = 'routes: { r: { path: /, policies: { redirect: { to: / } } } }\n'

test('the environment and files give values, and a doubled dollar none', async () => {
  const loaded = await loadTexts(
    {
      'gateway.yaml': `policies: { signing: { key: "x-\${env:TOKEN}-\${file:token.txt}-$\${env:NO}" } }\n${ROUTE}`,
      'token.txt': 'from file\n\n',
    },
    { env: { TOKEN: 'from env' }, only: ['gateway.yaml'] },
  )
  assert.ok('ir' in loaded)
  const signing = loaded.ir.policies.find(({ kind }) => kind === 'signing')
  assert.deepEqual(signing?.options, { key: `x-from env-from file\n-\${env:NO}` })
  assert.equal(loaded.files.length, 2)
  assert.match(loaded.files[1] ?? '', /\/token\.txt$/)
})

test('an interpolation spells a number or a boolean where one is expected, and stays text elsewhere', async () => {
  const text = `admin: { port: "\${env:PORT}", token: "\${env:DIGITS}" }\n${ROUTE}`
  const loaded = await loadTexts({ 'gateway.yaml': text }, { env: { PORT: '1234', DIGITS: '5678' } })
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.ir.admin, { host: '127.0.0.1', port: 1234, token: '5678', tokens: [], allow: null })
})

test('what is missing or no interpolation is a problem at its place, once', async () => {
  assert.deepEqual(await problemsIn(`admin:\n  token: "\${env:NO}"\n  port: "\${file:/no/such}"\n  host: "\${ENV:X}"\n${ROUTE}`), [
    '2:10 error the environment variable `NO` is not set',
    `3:9 error the file of \`\${file:/no/such}\` cannot be read: there is no such file`,
    `4:9 error \`\${ENV:X}\` is no interpolation: expected \`\${env:NAME}\` or \`\${file:/path}\`; write \`$\${\` for a plain \`\${\``,
  ])
})

test('no value of an interpolation stands in a message', async () => {
  const value = 'hunter2-hunter2'
  const text = `
workers: "\${env:V}"
drainTimeout: "\${env:V}"
listeners: [{ host: "\${env:V}/", trustedProxies: ["\${env:V}"] }]
limits: { headBytesMax: "\${env:BIG}" }
services:
  a: { targets: ["\${env:V}"], balancer: "\${env:V}", host: "\${env:V}/" }
routes:
  r: { path: "\${env:V}", service: "\${env:V}", method: "\${env:V}", headers: { A: "~[\${env:V}" }, retry: { backoff: "\${env:V}" } }
`
  const problems = await problemsIn(text, { env: { V: value, BIG: '123456789GiB' } })
  assert.equal(problems.filter((problem) => problem.includes(' error ')).length, 13, problems.join('\n'))
  for (const problem of problems) assert.doesNotMatch(problem, /hunter2|123456789/i)
  assert.ok(
    problems.some((problem) => problem.includes(`the value of \`\${env:V}\` will not do here: expected a duration`)),
    problems.join('\n'),
  )
})

test('the displayed configuration shows interpolations as written and hides secrets', async () => {
  const text = `
admin: { token: plain }
policies:
  signing: { key: "\${env:KEY}", apiKey: also-plain }
routes:
  r:
    path: "\${env:BASE}/a"
    headers: { Authorization: Bearer abc, Cookie: true, X-Other: "\${env:KEY}" }
    policies: { redirect: { to: /b }, signing: { key: "prefix-\${env:KEY}" } }
`
  const loaded = await loadTexts({ 'gateway.yaml': text }, { env: { KEY: 'secret value', BASE: '/base' } })
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.display(), {
    admin: { token: '***' },
    policies: { signing: { key: `\${env:KEY}`, apiKey: '***' } },
    routes: {
      r: {
        path: `\${env:BASE}/a`,
        headers: { Authorization: '***', Cookie: true, 'X-Other': `\${env:KEY}` },
        policies: { redirect: { to: '/b' }, signing: { key: '***' } },
      },
    },
  })
})

test('an admin token that cannot be sent as a Bearer token is a problem, and is not shown', async () => {
  const problems = await problemsIn(`admin: { token: "\${env:TOKEN}" }\n${ROUTE}`, { env: { TOKEN: 'two words' } })
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /^1:17 error the value of `\$\{env:TOKEN\}` will not do here: expected at most 512 printable/)
  assert.doesNotMatch(problems[0] ?? '', /two words/)
})

test('what must not be known of a JWK is hidden, also where the key is refused', async () => {
  const text = `
policies:
  jwt: { jwk: { kty: oct, k: hunter2-hunter2 }, no: 1 }
  signing: { key: x, jwks: { keys: [{ kty: EC, d: hunter2-hunter2 }], no: 1 } }
  other: { k: 1 }
${ROUTE}`
  const loaded = await loadTexts({ 'gateway.yaml': text })
  assert.ok('problems' in loaded)
  const secretLines = loaded.problems.filter(({ lineIsSecret }) => lineIsSecret === true).map(({ location }) => location.line)
  assert.deepEqual([...new Set(secretLines)], [3, 4])
})
