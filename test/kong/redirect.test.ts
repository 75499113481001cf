import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

async function redirected(t: Parameters<typeof startKong>[0], config: string, target: string): Promise<readonly unknown[]> {
  const kong = await startKong(t, withPlugins(`- name: redirect\n  config: ${config}\n`))
  const { status, headers, body } = await kong.ask(target)
  return [status, headers['location'], headers['content-type'], body]
}

test('2.10 redirect: 301 to the location, with a word for who does not follow', async (t) => {
  assert.deepEqual(await redirected(t, '{ location: "https://new.example/x?y=z" }', '/a?b=c'), [
    301,
    'https://new.example/x?y=z',
    undefined,
    'redirecting',
  ])
})

test('2.10 redirect: keep_incoming_path takes path and query from the request', async (t) => {
  const config = '{ location: "https://new.example:8443/x?y=z", keep_incoming_path: true, status_code: 307 }'
  assert.deepEqual(await redirected(t, config, '/a%20b?b=c&d'), [307, 'https://new.example:8443/a%20b?b=c&d', undefined, 'redirecting'])
})
