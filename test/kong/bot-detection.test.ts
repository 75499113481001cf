import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

const guarded = (config: string): string => withPlugins(`- name: bot-detection\n  config: ${config}\n`)

test('2.10 bot-detection: bots are 403, browsers and who says nothing pass', async (t) => {
  const kong = await startKong(t, guarded('{}'))
  const bot = await kong.ask('/', { headers: { 'User-Agent': 'Googlebot/2.1' } })
  assert.deepEqual([bot.status, JSON.parse(bot.body).message], [403, 'Forbidden'])
  assert.equal((await kong.ask('/', { headers: { 'User-Agent': 'axios/1.7' } })).status, 403)
  assert.equal((await kong.ask('/', { headers: { 'User-Agent': 'Mozilla/5.0 Firefox/128.0' } })).status, 200)
  assert.equal((await kong.ask('/')).status, 200)
})

test('2.10 bot-detection: allow, then deny, then the list', async (t) => {
  const kong = await startKong(t, guarded('{ allow: ["^Googlebot/2"], deny: ["bot", "curl"] }'))
  const statusOf = async (agent: string): Promise<number> => (await kong.ask('/', { headers: { 'User-Agent': agent } })).status
  assert.deepEqual(
    [await statusOf('Googlebot/2.1'), await statusOf('Googlebot/1'), await statusOf('curl/8'), await statusOf('wget')],
    [200, 403, 403, 200],
  )
})

test('2.10 bot-detection: two of the header are 400', async (t) => {
  const kong = await startKong(t, guarded('{}'))
  const peer = await kong.connect()
  peer.socket.write('GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\nUser-Agent: b\r\n\r\n')
  assert.match(await peer.readThrough('request_id'), /^HTTP\/1\.1 400 [\s\S]*Only one User-Agent header allowed/)
})
