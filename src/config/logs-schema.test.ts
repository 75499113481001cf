import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadTexts } from './testing.ts'

const REST = 'services: { a: { targets: ["127.0.0.1:1"] } }\nroutes: { a: { path: /, service: a } }\n'

async function irOf(text: string) {
  const loaded = await loadTexts({ 'a.yaml': `${text}\n${REST}` }, {})
  if (!('ir' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  return loaded.ir
}

async function problemsOf(text: string): Promise<string[]> {
  const loaded = await loadTexts({ 'a.yaml': `${text}\n${REST}` }, {})
  return 'ir' in loaded ? [] : loaded.problems.map(({ message }) => message)
}

test('one output is a list of one, and what is left out has its default', async () => {
  assert.deepEqual((await irOf('')).accessLog, {
    outputs: [{ kind: 'stdout' }],
    fields: null,
    sampling: null,
    redact: { addresses: false, parameters: [] },
  })
  const { accessLog, eventOutputs, tracing } = await irOf('accessLog: { output: /var/log/access.log, sampling: { ratio: 0.1 } }')
  assert.deepEqual(accessLog?.outputs, [{ kind: 'file', path: '/var/log/access.log' }])
  assert.deepEqual(accessLog.sampling, { ratio: 0.1, keepErrors: true, slowerThanMs: null })
  assert.deepEqual([eventOutputs, tracing], [[], null])
})

test('outputs over a network, with the ports that are usual', async () => {
  const { accessLog } = await irOf(`accessLog:
  output:
    - { syslog: "udp://logs.internal" }
    - { syslog: "tcp://[::1]", facility: daemon }
    - { syslog: "tls://logs.internal:7000", appName: edge }
    - { http: "https://logs.internal/in?x=1", headers: { X-Key: abc }, gzip: true }`)
  assert.deepEqual(
    accessLog?.outputs.map((output) =>
      output.kind === 'syslog' ? [output.transport, output.host, output.port, output.facility, output.appName] : output,
    ),
    [
      ['udp', 'logs.internal', 514, 16, 'turnpike'],
      ['tcp', '::1', 601, 3, 'turnpike'],
      ['tls', 'logs.internal', 7_000, 16, 'edge'],
      {
        kind: 'http',
        url: 'https://logs.internal/in?x=1',
        headers: [['X-Key', 'abc']],
        gzip: true,
        ca: null,
        batchBytesMax: 512 * 1024,
        intervalMs: 1_000,
        timeoutMs: 10_000,
        queueBytesMax: 4 * 1024 * 1024,
      },
    ],
  )
})

test('fields are known, each once, and never a header with a secret', async () => {
  const { accessLog } = await irOf('accessLog: { fields: [time, "request-header:X-Tenant", "response-header:ETag"] }')
  assert.deepEqual(accessLog?.fields, [
    { kind: 'known', name: 'time' },
    { kind: 'request-header', name: 'x-tenant' },
    { kind: 'response-header', name: 'etag' },
  ])
  assert.match((await problemsOf('accessLog: { fields: [rout] }')).join(), /did you mean `route`\?/)
  assert.match((await problemsOf('accessLog: { fields: [route, route] }')).join(), /each field once/)
  for (const name of ['Authorization', 'cookie', 'Set-Cookie', 'X-API-Key', 'X-Auth-Token', 'X-Amz-Security-Token', 'apikey'])
    assert.match((await problemsOf(`accessLog: { fields: ["request-header:${name}"] }`)).join(), /never logged/, name)
  assert.deepEqual(await problemsOf('accessLog: { fields: ["request-header:Idempotency-Key"] }'), [])
})

test('the receiver of traces, with the path that is usual', async () => {
  const { tracing } = await irOf('tracing: { otlp: { endpoint: "http://collector:4318" }, sampling: { ratio: 0.5, keepSlowerThan: 1s } }')
  assert.equal(tracing?.receiver.url, 'http://collector:4318/v1/traces')
  assert.deepEqual(tracing.sampling, { ratio: 0.5, parentBased: true, keepErrors: true, keepSlowerThanMs: 1_000 })
  assert.equal((await irOf('tracing: { otlp: { endpoint: "http://c:4318/otlp/t" } }')).tracing?.receiver.url, 'http://c:4318/otlp/t')
})

test('an address that cannot be used is told, without the password in it', async () => {
  const problems = [
    ...(await problemsOf('accessLog: { output: { http: "https://user:s3cret@logs" } }')),
    ...(await problemsOf('accessLog: { output: { http: "ftp://logs" } }')),
    ...(await problemsOf('accessLog: { output: { syslog: "logs:514" } }')),
    ...(await problemsOf('tracing: { otlp: { endpoint: "collector:4317" } }')),
  ]
  assert.equal(problems.length, 4, problems.join('\n'))
  assert.doesNotMatch(problems.join(), /s3cret/)
})

test('headers of receivers are secrets, which nobody is shown', async () => {
  const loaded = await loadTexts({
    'a.yaml': `accessLog: { output: [stdout, { http: "http://logs/", headers: { X-Tenant: s3cret } }] }
tracing: { otlp: { endpoint: "http://c:4318", headers: { X-Tenant: s3cret } } }
${REST}`,
  })
  assert.ok('ir' in loaded)
  assert.equal(loaded.ir.tracing?.receiver.headers[0]?.[1], 's3cret')
  assert.doesNotMatch(JSON.stringify(loaded.display()), /s3cret/)
  assert.match(JSON.stringify(loaded.display()), /X-Tenant/)
})
