/** What `npm start` says to try, tried: the quickstart's own configuration and services, on other ports where Turnpike listens. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { issueToken } from '../../examples/quickstart/identity.ts'
import { startServices } from '../../examples/quickstart/services.ts'
import { GatewayProcess } from './gateway-process.ts'

const FILE = join(import.meta.dirname, '..', '..', 'examples', 'quickstart', 'turnpike.yaml')

test('the quickstart does what its start says: a cached answer, a fallback, a protected route, a permission refused, a limit to hit', async (t) => {
  t.after(await startServices())
  const config = `${readFileSync(FILE, 'utf8').replace('port: 8080', 'port: 0')}\nadmin: { port: 0 }\naccessLog: false\n`
  const { url } = await new GatewayProcess(t, { config }).ready()
  const ask = (path: string, options: RequestInit = {}): Promise<Response> => fetch(`${url}${path}`, options)
  const withToken = (user: string): RequestInit => ({ headers: { authorization: `Bearer ${issueToken(user)}` } })

  const user = await ask('/api/v1/users/1')
  assert.deepEqual([user.status, user.headers.get('cache-status')], [200, 'turnpike; fwd=miss; stored'])
  assert.match((await ask('/api/v1/users/1')).headers.get('cache-status') ?? '', /^turnpike; hit;/)
  assert.equal((await ask('/nowhere')).status, 404)

  const causes: unknown[] = []
  for (let i = 0; i < 4; i++) {
    const answer = await ask('/api/v1/orders/down')
    assert.deepEqual([answer.status, answer.headers.get('turnpike-fallback')], [503, 'response'])
    causes.push((JSON.parse(await answer.text()) as { cause: string }).cause)
  }
  assert.equal(causes[0], '')
  assert.equal(causes.at(-1), 'circuit_open')

  const anonymous = await ask('/api/v1/payments')
  assert.equal(anonymous.status, 401)
  assert.match(anonymous.headers.get('www-authenticate') ?? '', /^Bearer /)
  assert.equal((JSON.parse(await anonymous.text()) as { error: string }).error, 'Missing token')

  const write = await ask('/api/v1/payments', { method: 'POST', body: '{"orderId":1,"amount":1}', ...withToken('ada') })
  assert.deepEqual([write.status, write.headers.get('turnpike-error')], [403, 'permission_denied'])
  const admin = await ask('/api/v1/payments', { method: 'POST', body: '{"orderId":1,"amount":1}', ...withToken('grace') })
  assert.equal(admin.status, 201)
  const stranger = await ask('/api/v1/payments', withToken('mallory'))
  assert.deepEqual([stranger.status, stranger.headers.get('turnpike-error')], [403, 'user_not_found'])

  const ada = withToken('ada')
  const answers: Response[] = []
  for (let i = 0; i < 8; i++) answers.push(await ask('/api/v1/payments', ada))
  const statuses = answers.map(({ status }) => status)
  assert.deepEqual(statuses.slice(0, 5), [200, 200, 200, 200, 200])
  const refused = answers.find(({ status }) => status === 429)
  assert.ok(refused, `never refused: ${statuses.join(' ')}`)
  assert.equal(refused.headers.get('x-ratelimit-limit-type'), 'user')
  const wait = Number(refused.headers.get('retry-after'))
  assert.ok(wait >= 1 && wait <= 5, `waits ${wait} s`)
})
