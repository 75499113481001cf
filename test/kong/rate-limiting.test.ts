import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisMissing, startRedis } from '../services/redis.ts'
import { problemsOfKong, startKong } from './kong-gateway.ts'

/** A file with one service and the routes `a` and `b` of it, and plugins where they are put. */
function file({ everywhere = '', service = '', route = '', consumers = '' }): string {
  const block = (text: string, indent: string): string =>
    text === '' ? '' : `\n${indent}plugins:\n${text.replaceAll(/^(?=.)/gm, `${indent}  `)}`
  return `
_format_version: "3.0"
services:
  - name: shop
    url: http://ECHO${block(service, '    ')}
    routes:
      - name: a
        paths: [/a]${block(route, '        ')}
      - name: b
        paths: [/b]
${consumers}${everywhere === '' ? '' : `plugins:\n${everywhere.replaceAll(/^(?=.)/gm, '  ')}`}
`
}

const limits = (config: string): string => `- name: rate-limiting\n  config: { ${config} }\n`

/** Of fields about limits, their names in lower case. */
function limitFields(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /ratelimit|^retry-after$/.test(name)))
}

test('2.10 rate-limiting: every response tells each window, and the tightest of them', async (t) => {
  const kong = await startKong(t, file({ everywhere: limits('hour: 100, day: 100, year: 1000') }))
  const { status, headers } = await kong.ask('/a')
  const { 'ratelimit-reset': reset, ...fields } = limitFields(headers)
  assert.equal(status, 200)
  assert.deepEqual(fields, {
    'x-ratelimit-limit-hour': '100',
    'x-ratelimit-remaining-hour': '99',
    'x-ratelimit-limit-day': '100',
    'x-ratelimit-remaining-day': '99',
    'x-ratelimit-limit-year': '1000',
    'x-ratelimit-remaining-year': '999',
    // Of hour and day, which are equally tight, the longer.
    'ratelimit-limit': '100',
    'ratelimit-remaining': '99',
  })
  const left = 86_400 - Math.floor((Date.now() % 86_400_000) / 1000)
  assert.ok(Math.abs(Number(reset) - left) < 30, `${reset} and not ${left}`)
})

test('2.10 rate-limiting: what is too much is 429 with Retry-After, and the limit of a place is shared by its routes', async (t) => {
  const kong = await startKong(t, file({ service: limits('hour: 2') }))
  assert.deepEqual([(await kong.ask('/a')).status, (await kong.ask('/b')).status], [200, 200])
  const { status, headers, body } = await kong.ask('/a')
  assert.equal(status, 429)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.match(body, /^\{\n {2}"message":"API rate limit exceeded",\n {2}"request_id":"[0-9a-f-]+"\n\}$/)
  const { 'retry-after': after, 'ratelimit-reset': reset, ...fields } = limitFields(headers)
  assert.equal(after, reset)
  assert.deepEqual(fields, {
    'x-ratelimit-limit-hour': '2',
    'x-ratelimit-remaining-hour': '0',
    'ratelimit-limit': '2',
    'ratelimit-remaining': '0',
  })
  assert.equal(kong.received.length, 2)
})

test('2.10 rate-limiting: a global plugin shares one bucket, a route has its own', async (t) => {
  const kong = await startKong(t, file({ everywhere: limits('hour: 2'), route: limits('hour: 5') }))
  for (let i = 0; i < 2; i++) assert.equal((await kong.ask('/b')).status, 200)
  assert.equal((await kong.ask('/b')).status, 429)
  assert.equal((await kong.ask('/a')).headers['x-ratelimit-remaining-hour'], '4')
  assert.equal((await kong.ask('/none')).status, 404)
})

test('2.10 rate-limiting: error_code, error_message and hidden headers', async (t) => {
  const kong = await startKong(
    t,
    file({ service: limits('hour: 1, error_code: 420, error_message: "Enough, \\"you\\"", hide_client_headers: true') }),
  )
  assert.deepEqual(limitFields((await kong.ask('/a')).headers), {})
  const { status, headers, body } = await kong.ask('/a')
  assert.equal(status, 420)
  assert.deepEqual(limitFields(headers), {})
  assert.equal(JSON.parse(body).message, 'Enough, "you"')
})

test('2.10 rate-limiting: by header and by path, and by address where the request has none', async (t) => {
  const kong = await startKong(
    t,
    file({ service: limits('hour: 1, limit_by: header, header_name: X-Tenant'), route: limits('hour: 1, limit_by: path, path: /a/x') }),
  )
  const statusOf = async (path: string, tenant?: string): Promise<number> =>
    (await kong.ask(path, tenant === undefined ? {} : { headers: { 'X-Tenant': tenant } })).status
  assert.deepEqual([await statusOf('/b', '1'), await statusOf('/b', '2'), await statusOf('/b', '1')], [200, 200, 429])
  assert.deepEqual([await statusOf('/b'), await statusOf('/b')], [200, 429])
  assert.deepEqual([await statusOf('/a/x'), await statusOf('/a'), await statusOf('/a/x'), await statusOf('/a/y')], [200, 200, 429, 429])
})

const CONSUMERS = `consumers:
  - username: app
    keyauth_credentials: [{ key: app-key }]
    plugins:
      - name: rate-limiting
        config: { hour: 3 }
  - username: web
    keyauth_credentials: [{ key: web-key }]
`

test('2.10 rate-limiting: consumers count apart, and have limits of their own', async (t) => {
  const kong = await startKong(t, file({ everywhere: `- name: key-auth\n${limits('hour: 1')}`, consumers: CONSUMERS }))
  const ask = (apikey: string) => kong.ask('/a', { headers: { apikey } })
  assert.equal((await ask('web-key')).headers['x-ratelimit-limit-hour'], '1')
  assert.equal((await ask('web-key')).status, 429)
  for (const left of ['2', '1', '0']) assert.equal((await ask('app-key')).headers['x-ratelimit-remaining-hour'], left)
  assert.equal((await ask('app-key')).status, 429)
  // Who is refused before is not counted, and not told.
  for (let i = 0; i < 3; i++) assert.deepEqual(limitFields((await ask('wrong')).headers), {})
})

test('2.10 rate-limiting: the longer of two windows is not used up by what the shorter refuses', async (t) => {
  const kong = await startKong(t, file({ service: limits('day: 2, month: 10') }))
  for (let i = 0; i < 5; i++) await kong.ask('/a')
  const { headers } = await kong.ask('/a')
  assert.deepEqual([headers['x-ratelimit-remaining-day'], headers['x-ratelimit-remaining-month']], ['0', '8'])
})

test('2.10 rate-limiting: policy redis counts there, and two servers are one too many', { skip: redisMissing }, async (t) => {
  const { port } = await startRedis(t)
  const redis = `policy: redis, redis: { host: 127.0.0.1, port: ${port} }`
  const text = file({ service: limits(`hour: 2, ${redis}`) })
  const [one, other] = [await startKong(t, text), await startKong(t, text)]
  assert.equal((await one.ask('/a')).headers['x-ratelimit-remaining-hour'], '1')
  assert.equal((await other.ask('/a')).headers['x-ratelimit-remaining-hour'], '0')
  assert.equal((await one.ask('/a')).status, 429)
  const two = file({ service: limits(`hour: 2, ${redis}`), route: limits('hour: 2, policy: redis, redis: { host: elsewhere }') })
  assert.match((await problemsOfKong(two)).join('\n'), /error another plugin says something else of `stores`/)
})

test('2.10 rate-limiting: without Redis calls pass, or are 500 where fault_tolerant is false', async (t) => {
  const redis = 'policy: redis, redis_host: 127.0.0.1, redis_port: 1'
  const tolerant = await startKong(t, file({ service: limits(`hour: 2, ${redis}`) }))
  const { status, headers } = await tolerant.ask('/a')
  assert.deepEqual([status, limitFields(headers)], [200, {}])
  const strict = await startKong(t, file({ service: limits(`hour: 2, ${redis}, fault_tolerant: false`) }))
  const answer = await strict.ask('/a')
  assert.deepEqual([answer.status, answer.body], [500, '{"message":"An unexpected error occurred"}'])
})

test('2.10 rate-limiting: what Kong refuses has its place', async () => {
  const problems = await problemsOfKong(file({ service: limits('minute: 5, hour: 3') }))
  assert.match(problems.join('\n'), /^8:\d+ error .*The limit for hour\(3\.0\) cannot be lower than the limit for minute\(5\.0\)/)
})
