/** Who calls, over a socket: what a service is told of it, that no client can say it, and who may pass. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { admit } from '../../src/core/caller.ts'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { object } from '../../src/core/schema.ts'
import { type Rig, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

/** Believes the header X-Test-User. Policies of tests come last, but guards come before all that read who calls. */
const BELIEVER: PolicyDefinition<unknown> = {
  kind: 'believer',
  summary: 'Believes who a client says it is.',
  loadSchema: async () => object({}),
  authenticates: true,
  compile: () => ({
    onGuard(exchange) {
      const subject = exchange.request.headers.get('X-Test-User')
      return subject === undefined ? undefined : admit(exchange, { method: 'test', subject })
    },
  }),
}

/** The lines that the service gets for a request with these lines. */
async function served(rig: Rig, lines: readonly string[], body = ''): Promise<readonly string[]> {
  const client = await rig.connect()
  client.write(['GET / HTTP/1.1', 'Host: a', ...lines, '', body].join('\r\n'))
  const service = await rig.upstream.accept()
  const { head } = await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  await client.readResponse()
  return head.split('\r\n').filter((line) => /^x.(user|consumer|cred|auth|me)/i.test(line))
}

const FORGED = [
  'X-User-ID: root',
  'x-user-id:root',
  'X_User_ID: root',
  'X-User_ID: root',
  'X.USER.ID: root',
  "X!user'id: root",
  'X-Consumer-Name: root',
  'X_CONSUMER_GROUPS: root',
  'X-Credential_ID: root',
  'x-auth-method: root',
]

test('no spelling in which a client says who it is reaches the service', async (context) => {
  const rig = await startRig(context, { policy: BELIEVER })
  for (const line of FORGED) assert.deepEqual(await served(rig, [line]), [], line)
  assert.deepEqual(await served(rig, FORGED), [])
  assert.deepEqual(await served(rig, [...FORGED, 'X-Test-User: u', ...FORGED, 'X-User: stays']), [
    'X-User: stays',
    'X-User-ID: u',
    'X-Auth-Method: test',
  ])
})

test('a client cannot have the headers taken away either', async (context) => {
  const rig = await startRig(context, { policy: BELIEVER })
  const told = await served(rig, ['Connection: X-User-ID, x-auth-method', 'X-User-ID: root', 'X-Test-User: u'])
  assert.deepEqual(told, ['X-User-ID: u', 'X-Auth-Method: test'])
})

test('each request of a connection is looked at, also when its head is the same', async (context) => {
  const rig = await startRig(context, { policy: BELIEVER })
  const client = await rig.connect()
  const one = ['GET / HTTP/1.1', 'Host: a', 'X-Test-User: u', 'X-User-ID: root', '', ''].join('\r\n')
  const other = ['GET / HTTP/1.1', 'Host: a', 'X-User-ID: root', '', ''].join('\r\n')
  const told: (string | undefined)[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      told.push(fieldOf((await peer.readRequest()).head, 'X-User-ID'))
      peer.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    }
  }
  client.write(one + one + other + one)
  for (let answers = 0; answers < 4; answers++) await client.readResponse()
  assert.deepEqual(told, ['u', 'u', undefined, 'u'])
})

test('who wants to see what clients send turns the policy off', async (context) => {
  const rig = await startRig(context, { route: { policies: { 'identity-headers': false } } })
  assert.deepEqual(await served(rig, ['X-User-ID: me']), ['X-User-ID: me'])
})

/** A user service that is up until it is stopped, or the test ends. */
async function userService(context: TestContext): Promise<{ readonly port: number; readonly stop: () => void }> {
  const records: Readonly<Record<string, unknown>> = {
    '/users/ann': { roles: ['editor'], permissions: ['orders:read'] },
    '/users/bob': { roles: [], permissions: [] },
    '/users/root': { roles: ['admin'], permissions: [] },
  }
  const server = createServer(({ url = '' }, response) => {
    const record = records[url]
    response.writeHead(record === undefined ? 404 : 200).end(JSON.stringify(record))
  })
  const stop = (): void => {
    server.close()
    server.closeAllConnections()
  }
  context.after(stop)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, stop }
}

test('who may pass is decided by the record of the user; a user service that is down is no fault of the caller', async (context) => {
  const { port, stop } = await userService(context)
  const policies = { users: { url: `http://127.0.0.1:${port}/users/{sub}` }, authorize: { permission: 'orders:read' } }
  const rig = await startRig(context, {
    policy: BELIEVER,
    route: { policies: { ...policies, 'identity-headers': { roles: 'X-User-Roles' } } },
  })
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head } = await peer.readRequest()
      const told = `${fieldOf(head, 'X-User-ID')} ${fieldOf(head, 'X-User-Roles')}`
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\n\r\n${told}`)
    }
  }
  const client = await rig.connect()
  const ask = async (user: string | null): Promise<string> => {
    client.write(['GET / HTTP/1.1', 'Host: a', ...(user === null ? [] : [`X-Test-User: ${user}`]), '', ''].join('\r\n'))
    const { head, body } = await client.readResponse()
    return `${head.slice(9, 12)} ${fieldOf(head, 'Turnpike-Error') ?? body}`
  }
  assert.equal(await ask('ann'), '200 ann editor')
  assert.equal(await ask('root'), '200 root admin')
  assert.equal(await ask('bob'), '403 permission_denied')
  assert.equal(await ask('eve'), '403 user_not_found')
  assert.equal(await ask('..'), '403 user_not_found')
  assert.equal(await ask(null), '401 credentials_missing')
  stop()
  assert.equal(await ask('ann'), '200 ann editor')
  assert.equal(await ask('new'), '503 user_service_unavailable')
})
