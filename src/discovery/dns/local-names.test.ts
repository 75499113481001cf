import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { reachableFamilies, withLocalNames } from './local-names.ts'
import type { RecordType } from './message.ts'

/** Addresses of a name by a file of hosts with this text, and `server` where a server would be asked. */
function lookup(t: TestContext, text: string | null) {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-hosts-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'hosts')
  if (text !== null) writeFileSync(file, text)
  const asked: string[] = []
  const resolve = withLocalNames((question) => {
    asked.push(question.name)
    return Promise.resolve({ answer: { kind: 'none', why: 'NXDOMAIN', ttlMs: 0 }, server: 'server' })
  }, file)
  return async (name: string, type: RecordType = 'A') => {
    const { answer, server } = await resolve({ name, type }, new AbortController().signal)
    return server === 'server' ? server : answer.kind === 'addresses' ? answer.addresses : answer.kind
  }
}

test('an address stands for itself', async (t) => {
  const ask = lookup(t, null)
  assert.deepEqual(await ask('10.0.0.1'), ['10.0.0.1'])
  assert.equal(await ask('10.0.0.1', 'AAAA'), 'none')
})

test('localhost is this machine, and no server is asked', async (t) => {
  const ask = lookup(t, null)
  for (const name of ['localhost', 'LocalHost.', 'a.localhost']) assert.deepEqual(await ask(name), ['127.0.0.1'], name)
  assert.deepEqual(await ask('localhost', 'AAAA'), ['::1'])
  assert.equal(await ask('notlocalhost'), 'server')
})

test('a name in the file of hosts has the addresses that are there and no others', async (t) => {
  const ask = lookup(
    t,
    '# c\n10.0.0.1\tusers.test users # x y.test\n\nfe80::1%eth0 z.test\n10.0.0.2 Users.Test\nfd00::1 six.test\nnonsense n.test\n',
  )
  assert.deepEqual(await ask('users.test.'), ['10.0.0.1', '10.0.0.2'])
  assert.deepEqual(await ask('users'), ['10.0.0.1'])
  assert.equal(await ask('users.test', 'AAAA'), 'none')
  assert.deepEqual(await ask('six.test', 'AAAA'), ['fd00::1'])
  assert.equal(await ask('y.test'), 'server')
  assert.equal(await ask('n.test'), 'server')
  assert.equal(await ask('users.test', 'SRV'), 'server')
})

test('without a file of hosts the server is asked', async (t) => {
  assert.equal(await lookup(t, null)('users.test'), 'server')
})

test('a machine has a family of addresses at least', () => {
  assert.ok(reachableFamilies().length > 0)
})
