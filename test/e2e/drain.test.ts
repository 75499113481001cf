import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startUpstream } from './echo-upstream.ts'
import { GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const CLIENTS = 32

async function start(t: TestContext, more = ''): Promise<GatewayProcess> {
  const { port } = await startUpstream(t)
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 2
accessLog: false
services: { s: { targets: ["127.0.0.1:${port}"] } }
routes: { all: { path: /*, service: s } }
${more}
`
  return new GatewayProcess(t, { config }).ready()
}

/** Asks until told to close. @returns answers received */
async function askUntilClosed(client: KeepAliveClient, pauseMs: number): Promise<number> {
  for (;;) {
    const { status, head } = await client.get('/')
    assert.equal(status, 200)
    if (/^connection: close$/im.test(head)) return client.answered
    if (pauseMs > 0) await sleep(pauseMs)
  }
}

test('SIGTERM fails no request: each client gets its last answer with Connection: close', { timeout: 30_000 }, async (t) => {
  const gateway = await start(t)
  const port = Number(new URL(gateway.url).port)
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => KeepAliveClient.open(port)))
  for (const client of clients) assert.equal((await client.get('/')).status, 200)
  // Half of them ask at once again, half let the connection rest a little, so that some are unused when the signal comes.
  const done = clients.map((client, i) => askUntilClosed(client, i % 2 === 0 ? 0 : 5))
  await sleep(50)
  gateway.child.kill('SIGTERM')
  await Promise.all(done)
  assert.equal(await gateway.exited, 0)
  const { aborted } = await gateway.logged('shut down')
  assert.equal(aborted, 0)
})

test('SIGTERM closes connections that nobody uses, and does not wait for them', { timeout: 30_000 }, async (t) => {
  const gateway = await start(t)
  const client = await KeepAliveClient.open(Number(new URL(gateway.url).port))
  await client.get('/')
  gateway.child.kill('SIGTERM')
  // The drain may take 30 s by default, longer than this test.
  assert.equal(await gateway.exited, 0)
  assert.equal(client.isOpen, false)
})

test('for drainDelay a shutdown says that it is not ready, and serves all the same', { timeout: 30_000 }, async (t) => {
  const gateway = await start(t, 'drainDelay: 1s')
  const port = Number(new URL(gateway.url).port)
  const client = await KeepAliveClient.open(port)
  gateway.child.kill('SIGTERM')
  const { delayMs } = await gateway.logged('shutting down: the workers drain')
  assert.equal(delayMs, 1_000)
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503)
  const late = await KeepAliveClient.open(port)
  for (const { head, status } of [await client.get('/'), await late.get('/')]) {
    assert.equal(status, 200)
    assert.doesNotMatch(head, /^connection: close$/im)
  }
  assert.equal(await gateway.exited, 0)
})
