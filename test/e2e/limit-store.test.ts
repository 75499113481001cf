/** Limits in a real Redis, as clients of real gateways see them: shared, and while Redis is stopped, hangs and comes back. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { SignJWT } from 'jose'
import { type RedisServer, redisMissing, startRedis } from '../services/redis.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'

const SECRET = '0123456789abcdef0123456789abcdef'
const OPTIONS = { skip: redisMissing, timeout: 60_000 }

const token = await new SignJWT().setProtectedHeader({ alg: 'HS256' }).setSubject('42').setExpirationTime('1h').sign(Buffer.from(SECRET))

function config(redis: RedisServer): string {
  const route = (name: string, policies: string): string =>
    `  ${name}: { path: /${name}, policies: { static-response: { body: ok }${policies} } }`
  const limit = (options: string): string => `, rate-limit: { window: day, store: redis, ${options} }`
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 1
accessLog: false
stores: { redis: { address: "${redis.address}", commandTimeout: 200ms } }
routes:
${[
  route('plain', ''),
  route('memory', ', rate-limit: { by: ip, window: day, limit: 100000 }'),
  route('few', limit('by: ip, limit: 5')),
  route('closed', limit('by: ip, limit: 100000')),
  route('open', limit('by: ip, limit: 100000, onStoreError: open')),
  route('share', limit('by: ip, limit: 8, onStoreError: local-share, localShare: 0.5')),
  route('user', `${limit('by: user, limit: 100000')}, jwt: { secret: ${SECRET} }`),
].join('\n')}
`
}

/** Status, and the code when there is one. */
async function ask(gateway: GatewayProcess, name: string): Promise<string> {
  const response = await fetch(`${gateway.url}/${name}`, { headers: { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
  return [response.status, response.headers.get('turnpike-error') ?? []].flat().join(' ')
}

async function askAll(gateway: GatewayProcess): Promise<Readonly<Record<string, string>>> {
  const names = ['plain', 'memory', 'closed', 'open', 'user']
  const answers = await Promise.all(names.map(async (name) => [name, await ask(gateway, name)] as const))
  return Object.fromEntries(answers)
}

const ALL_WELL = { plain: '200', memory: '200', closed: '200', open: '200', user: '200' }
/** Guards take a store for ill a little longer than it is. */
async function untilWell(gateway: GatewayProcess): Promise<void> {
  await eventually(
    () => askAll(gateway),
    (answers) => isDeepStrictEqual(answers, ALL_WELL),
  )
}

const WITHOUT_REDIS = {
  plain: '200',
  memory: '200',
  closed: '503 limit_store_unavailable',
  open: '200',
  user: '503 limit_store_unavailable',
}

/**
 * Asks through an outage, and that the gateway says what is so; nobody restarts it.
 * @param share what this gateway has left of its own part of the limit
 */
async function outage(
  gateway: GatewayProcess,
  share: number,
  begin: () => Promise<void> | void,
  end: () => Promise<void> | void,
): Promise<void> {
  await untilWell(gateway)
  const before = await errorsOf(gateway)
  await begin()
  // Answers that were under way have come: from here on nothing is counted in Redis.
  await gateway.logged('the store does not answer')
  for (let i = 0; i < 10; i++) assert.deepEqual(await askAll(gateway), WITHOUT_REDIS)
  const shares = []
  for (let i = 0; i < 8; i++) shares.push(await ask(gateway, 'share'))
  assert.deepEqual(shares, [...new Array<string>(share).fill('200'), ...new Array<string>(8 - share).fill('429 rate_limited')])
  const after = await errorsOf(gateway)
  for (const [i, count] of after.entries()) assert.ok(count > (before[i] ?? 0), `${before.join()} then ${after.join()}`)
  await end()
  await gateway.logged('the store answers again')
  await untilWell(gateway)
  // What this gateway admits alone is used up, and must not stand in the way of what Redis admits.
  await eventually(
    () => ask(gateway, 'share'),
    (answer) => answer === '200',
  )
}

async function errorsOf(gateway: GatewayProcess): Promise<readonly number[]> {
  const metrics = await MetricsReading.of(gateway)
  const errors = (policy: string, outcome: string): number =>
    metrics.sum('gateway_rate_limit_store_errors_total', `policy="${policy}"`, `outcome="${outcome}"`)
  return [
    errors('route closed', 'closed'),
    errors('route user', 'closed'),
    errors('route open', 'open'),
    errors('route share', 'local-share'),
    metrics.sum('gateway_errors_total', 'code="limit_store_unavailable"'),
  ]
}

test('Redis is stopped, hangs, and comes back: each mode does what it says and other routes are unharmed', OPTIONS, async (t) => {
  const redis = await startRedis(t)
  const gateway = await new GatewayProcess(t, { config: config(redis) }).ready()
  await t.test('stopped', () =>
    outage(
      gateway,
      4,
      () => redis.stop(),
      () => redis.start(),
    ),
  )
  await t.test('hanging', async () => {
    await outage(
      gateway,
      // The first outage has used it up.
      0,
      async () => {
        redis.pause()
        // So many that hang show it; until then each waits for its time limit.
        await Promise.all(Array.from({ length: 10 }, () => ask(gateway, 'closed')))
      },
      () => redis.resume(),
    )
  })
})

test('a gateway that starts without Redis serves, and uses it when it comes', OPTIONS, async (t) => {
  const redis = await startRedis(t)
  await redis.stop()
  const gateway = await new GatewayProcess(t, { config: config(redis) }).ready()
  await gateway.logged('the store does not answer')
  assert.deepEqual(await askAll(gateway), WITHOUT_REDIS)
  await redis.start()
  await gateway.logged('the store answers again')
  await untilWell(gateway)
})

test('gateways that share a Redis count together, and a refusal tells the wait', OPTIONS, async (t: TestContext) => {
  const redis = await startRedis(t)
  const gateways = await Promise.all([1, 2].map(() => new GatewayProcess(t, { config: config(redis) }).ready()))
  const answers: string[] = []
  for (let i = 0; i < 4; i++) for (const gateway of gateways) answers.push(await ask(gateway, 'few'))
  assert.equal(answers.filter((answer) => answer === '200').length, 5)
  const refused = await fetch(`${gateways[0]?.url}/few`)
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('x-ratelimit-limit-type'), 'ip')
  assert.equal(refused.headers.get('ratelimit-policy'), '"ip";q=5;w=86400')
  const wait = Number(refused.headers.get('retry-after'))
  const untilMidnight = (86_400_000 - (Date.now() % 86_400_000)) / 1000
  assert.ok(Math.abs(wait - untilMidnight) <= 2, `${wait} and not ${untilMidnight}`)
})
