import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.ts'
import { compilePolicy, contextWith, exchangeOf, problemsOf } from '../testing.ts'
import { kongStatsd } from './policy.ts'

/** Lines of an exchange with a service. */
async function told(options: object, { serviceName = 'user.service', status = 200, consumer = 'app' } = {}): Promise<string[]> {
  const lines: string[] = []
  const context = contextWith({
    clock: { ...systemClock, random: () => 0.3 },
    outputs: { open: () => ({ write: (line) => void lines.push(line), close: () => {} }) },
  })
  const steps = await compilePolicy(kongStatsd, options, context)
  const exchange = exchangeOf({ path: '/a', headers: [['A', '1']] })
  exchange.route = { name: 'users', pattern: '/', serviceName }
  exchange.responseBytes = 99
  if (consumer !== '') exchange.caller.consumer = { name: consumer, groups: [], hasPolicies: false }
  Object.assign(exchange, { startedAt: 100, sentAt: 105, headAt: 125 })
  steps.onFinish?.(exchange, { status, error: null, durationMs: 30 })
  return lines
}

test('each exchange is told under the names of Kong', async () => {
  assert.deepEqual(await told({}), [
    'kong.service.user_service.request.count:1|c',
    'kong.service.user_service.latency:30|ms',
    'kong.service.user_service.request.size:25|ms',
    'kong.service.user_service.status.200:1|c',
    'kong.service.user_service.response.size:99|ms',
    'kong.service.user_service.user.uniques:app|s',
    'kong.service.user_service.user.app.request.count:1|c',
    'kong.service.user_service.upstream_latency:20|ms',
    'kong.service.user_service.kong_latency:5|ms',
    'kong.service.user_service.user.app.status.200:1|c',
  ])
  assert.equal((await told({ prefix: 'p' }, { serviceName: '', consumer: '' }))[0], 'p.global.unmatched.request.count:1|c')
  const [first] = await told({ hostnameInPrefix: true })
  assert.equal(first, `kong.node.${hostname().replaceAll('.', '_')}.service.user_service.request.count:1|c`)
})

test('what is told can be chosen, in part and by status', async () => {
  const metrics = [
    { name: 'request_count', type: 'counter', sampleRate: 0.5 },
    { name: 'latency', type: 'histogram', sampleRate: 0.1 },
  ]
  assert.deepEqual(await told({ metrics }), ['kong.service.user_service.request.count:1|c|@0.5'])
  assert.deepEqual(await told({ metrics, statuses: [{ from: 500, to: 599 }] }), [])
})

test('tags stand beside the name in each style', async () => {
  const node = hostname().replaceAll('.', '_')
  const metrics = [
    { name: 'request_count', type: 'counter' },
    { name: 'status_count', type: 'counter' },
  ]
  const pairs = (between: string): string =>
    ['service', 'user.service', 'route', 'users', 'workspace', 'default', 'consumer', 'app', 'node', node, 'status', '200']
      .map((text, i) => `${text}${i === 11 ? '' : i % 2 === 0 ? between : ','}`)
      .join('')
  const line = async (tags: string): Promise<string> => (await told({ metrics, tags })).join()
  assert.equal(await line('dogstatsd'), `kong.request.count:1|c|#${pairs(':')}`)
  assert.equal(await line('influxdb'), `kong.request.count,${pairs('=')}:1|c`)
  assert.equal(await line('librato'), `kong.request.count#${pairs('=')}:1|c`)
  assert.equal(await line('signalfx'), `kong.request.count[${pairs('=')}]:1|c`)
  assert.deepEqual(await told({ metrics, tags: 'influxdb' }, { serviceName: '' }), [])
})

test('no name of a client or a consumer ends a line', async () => {
  for (const line of await told({}, { consumer: 'a:1|c\nb' })) assert.match(line, /^[^\n:|]+:[^\n:|]+\|(c|ms|s)$/)
  assert.equal((await problemsOf(kongStatsd, { prefix: 'a b' })).length, 1)
})

test('a consumer is told by its name, its id or a label, or not at all', async () => {
  const metrics = [
    { name: 'unique_users', type: 'set' },
    { name: 'request_per_user', type: 'counter', consumer: 'name' },
  ]
  assert.deepEqual(await told({ metrics, consumer: 'label:customId' }), ['kong.service.user_service.user.app.request.count:1|c'])
  assert.equal((await problemsOf(kongStatsd, { consumer: 'username' })).length, 1)
})
