/** The Kong file of the mission, run as it is, and what its page says to try. Only the port that it listens on is another, as Kong's own variable says. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { commands, startServices, tokenOf } from '../../examples/kong/example.ts'
import { startKongProcess } from '../kong/kong-process.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'kong')
const run = promisify(execFile)

test('the file of Kong runs unchanged, and does what its page says', async (t) => {
  t.after(await startServices())
  const { url } = await startKongProcess(t, readFileSync(join(FOLDER, 'kong.yml'), 'utf8'))
  const sh = async (command: string): Promise<string> => (await run('sh', ['-c', command])).stdout
  const ask = (path: string, headers: Readonly<Record<string, string>>, method = 'GET') => fetch(url + path, { method, headers })
  const as = (consumer: string) => ({ authorization: `Bearer ${tokenOf(consumer)}` })

  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  const tries = [...page.matchAll(/```sh\n(curl [^\n]*)\n```\n\n```json\n(.*?)```/gs)]
  assert.equal(tries.length, 3)
  for (const [, command = '', expected = ''] of tries) {
    assert.deepEqual(JSON.parse(await sh(command.replaceAll('http://127.0.0.1:8000', url))), JSON.parse(expected), command)
  }
  const statuses: string[] = []
  for (const [command] of commands(url).filter(([line]) => line.startsWith('curl'))) {
    statuses.push(/^HTTP\/1\.1 (\d+)/.exec(await sh(`${command} -s`))?.[1] ?? '')
  }
  assert.deepEqual(statuses, ['401', '200', '200', '200', '404'])

  for (const [consumer, minute, hour] of [
    ['mobile-app', '1000', null],
    ['web-app', '500', null],
    ['partner-api', '5000', '50000'],
  ] as const) {
    for (const path of ['/api/v1/users', '/api/v1/orders']) {
      const { status, headers } = await ask(path, as(consumer))
      assert.equal(status, 200)
      assert.equal(headers.get('x-ratelimit-limit-minute'), minute, `${consumer} at ${path}`)
      assert.equal(headers.get('x-ratelimit-limit-hour'), hour, `${consumer} at ${path}`)
    }
  }

  const transformed = await ask('/api/v1/orders', as('web-app'))
  assert.equal(transformed.headers.get('x-powered-by'), null)
  assert.equal(transformed.headers.get('x-api-version'), 'v1')
  assert.equal((await ask('/api/v1/users', as('web-app'))).headers.get('x-powered-by'), 'a framework')

  const preflight = await ask('/api/v1/users', { origin: 'https://app.example.com', 'access-control-request-method': 'PUT' }, 'OPTIONS')
  assert.equal(preflight.status, 200)
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://app.example.com')
  assert.equal(preflight.headers.get('access-control-allow-credentials'), 'true')
  assert.equal(preflight.headers.get('access-control-max-age'), '3600')
  const simple = await ask('/api/v1/users', { ...as('web-app'), origin: 'https://app.example.com' })
  assert.equal(simple.headers.get('access-control-expose-headers'), 'X-RateLimit-Remaining-Minute')

  const [head = '', claims = ''] = tokenOf('web-app').split('.')
  assert.equal((await ask('/api/v1/users', { authorization: `Bearer ${head}.${claims}.AAAA` })).status, 401)
  assert.equal((await ask('/api/v1/orders', as('web-app'), 'DELETE')).status, 404)
})
