/** What a real etcd says too rarely to be waited for; all else is shown with one, in test/sources/etcd.test.ts. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Backoff } from '../../discovery/backoff.ts'
import { openEtcd } from './source.ts'

const TIMES = { settleMs: 0, silenceMs: 60_000, backoff: new Backoff({ minMs: 1, maxMs: 5 }) }

interface Heard {
  readonly texts: string[]
  readonly reasons: string[]
  /** Bodies of requests to watch. */
  readonly watches: string[]
  until(isThere: () => boolean): Promise<void>
}

/** A source at a gateway that tells one revision more with each read, and with the nth watch the nth line; the last one is left open. */
async function watch(t: TestContext, lines: readonly string[]): Promise<Heard> {
  let revision = 0
  let wake = Promise.withResolvers<void>()
  const heard: Heard = {
    texts: [],
    reasons: [],
    watches: [],
    async until(isThere) {
      while (!isThere()) await wake.promise
    },
  }
  const tell = (): void => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const answer = (url: string | undefined, body: string, response: ServerResponse): void => {
    if (url === '/v3/kv/range') {
      revision++
      const kvs = [{ key: Buffer.from('gw/a').toString('base64'), value: Buffer.from(String(revision)).toString('base64') }]
      response.end(JSON.stringify({ header: { revision: String(revision) }, kvs, count: '1' }))
      return
    }
    const line = lines[heard.watches.length]
    heard.watches.push(body)
    response.write(`${JSON.stringify({ result: { header: {}, created: true } })}\n`)
    if (line !== undefined) response.end(`${line}\n`)
    tell()
  }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += String(chunk)
    })
    request.on('end', () => answer(request.url, body, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = openEtcd(`etcd://127.0.0.1:${port}/gw/`, { env: {} }, TIMES).watch({
    onFragments: ([fragment]) => {
      heard.texts.push(fragment?.text ?? '')
      tell()
    },
    onDegraded: (reason) => {
      if (reason !== null) heard.reasons.push(reason)
      tell()
    },
  })
  t.after(() => {
    open.close()
    server.close()
    server.closeAllConnections()
  })
  return heard
}

test('a watch begins at the revision after the one that was read', async (t) => {
  const heard = await watch(t, [JSON.stringify({ result: { events: [{}] } })])
  await heard.until(() => heard.watches.length === 2)
  assert.deepEqual(
    heard.watches.map((body) => /"start_revision":"(\d+)"/.exec(body)?.[1]),
    ['2', '3'],
  )
  assert.deepEqual([heard.texts, heard.reasons], [['1', '2'], []])
})

test('where history has been compacted all is read again, and nothing is amiss', async (t) => {
  const heard = await watch(t, [JSON.stringify({ result: { canceled: true, compact_revision: '9', cancel_reason: 'compacted' } })])
  await heard.until(() => heard.watches.length === 2)
  assert.deepEqual([heard.texts, heard.reasons], [['1', '2'], []])
})

for (const [what, line, words] of [
  [
    'is refused',
    JSON.stringify({ result: { canceled: true, cancel_reason: 'rpc error: permission denied' } }),
    /ended the watch: rpc error: permission denied; the user needs/,
  ],
  ['fails', JSON.stringify({ error: { grpc_code: 14, message: 'no leader' } }), /ended the watch: no leader$/],
  ['is no JSON', '<html>', /is not JSON/],
  ['ends', '', /the watch was ended/],
] as const) {
  test(`a watch that ${what} is told in words, and begun again`, async (t) => {
    const heard = await watch(t, [line])
    await heard.until(() => heard.watches.length === 2)
    assert.equal(heard.reasons.length, 1)
    assert.match(heard.reasons[0] ?? '', words)
    assert.deepEqual(heard.texts, ['1', '2'])
  })
}
