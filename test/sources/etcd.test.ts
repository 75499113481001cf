/** What is etcd's own: passwords, TLS, compaction, members that hang. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import type { Fragment } from '../../src/core/config-source.ts'
import { Backoff } from '../../src/discovery/backoff.ts'
import { openEtcd } from '../../src/sources/etcd/source.ts'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { type EtcdServer, etcdMissing, startEtcd } from '../services/etcd.ts'

const QUICK = { settleMs: 0, silenceMs: 500, backoff: new Backoff({ minMs: 10, maxMs: 100 }) }

interface Watched {
  readonly texts: readonly string[]
  readonly reasons: readonly string[]
  until(isThere: (watched: Watched) => boolean): Promise<void>
}

function watch(t: TestContext, url: string, env: Record<string, string> = {}, times = QUICK): Watched {
  let wake = Promise.withResolvers<void>()
  const watched = {
    texts: [] as readonly string[],
    reasons: [] as string[],
    async until(isThere: (watched: Watched) => boolean) {
      while (!isThere(watched)) await wake.promise
    },
  }
  const tell = (): void => {
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const open = openEtcd(url, { env }, times).watch({
    onFragments: (fragments: readonly Fragment[]) => {
      watched.texts = fragments.map(({ text }) => text)
      tell()
    },
    onDegraded: (reason) => {
      if (reason !== null) watched.reasons.push(reason)
      tell()
    },
  })
  t.after(() => open.close())
  return watched
}

async function withPasswords(t: TestContext): Promise<EtcdServer> {
  const etcd = await startEtcd(t)
  etcd.put('gw/a', 'one')
  etcd.demandPasswords('reader', 'p:ss/w@rd', 'gw/')
  return etcd
}

test('one key is one document, named by its key; keys beside it are none', { skip: etcdMissing }, async (t) => {
  const etcd = await startEtcd(t)
  etcd.put('gateway', 'one')
  etcd.put('gateway2', 'two')
  etcd.put('/slash', 'three')
  const read = (path: string) => openEtcd(`etcd://${etcd.address}${path}`, { env: {} }).read()
  assert.deepEqual(await read('/gateway'), [{ name: `etcd://${etcd.address}/gateway`, text: 'one' }])
  assert.deepEqual(await read('//slash'), [{ name: `etcd://${etcd.address}//slash`, text: 'three' }])
  assert.deepEqual(await read('/nothing'), [])
})

test('a user logs in, from the environment or the address, and again when the server forgets', { skip: etcdMissing }, async (t) => {
  const etcd = await withPasswords(t)
  const watched = watch(t, `etcd://${etcd.address}/gw/`, { ETCD_USERNAME: 'reader', ETCD_PASSWORD: 'p:ss/w@rd' })
  await watched.until(({ texts }) => texts[0] === 'one')
  const encoded = `etcd://reader:${encodeURIComponent('p:ss/w@rd')}@${etcd.address}/gw/`
  assert.equal((await openEtcd(encoded, { env: {} }).read())[0]?.text, 'one')
  await etcd.stop()
  await etcd.start()
  etcd.put('gw/a', 'two')
  await watched.until(({ texts }) => texts[0] === 'two')
})

for (const [what, userInfo, key, words] of [
  ['no user', '', 'gw/', /user name is empty.*; set ETCD_USERNAME and ETCD_PASSWORD$/],
  ['a wrong password', 'reader:wrong@', 'gw/', /authentication failed/],
  ['no right', `reader:${encodeURIComponent('p:ss/w@rd')}@`, 'other/', /permission denied.*; the user needs the right to read/],
] as const) {
  test(`with ${what} a read says what is missing, without the password`, { skip: etcdMissing }, async (t) => {
    const etcd = await withPasswords(t)
    await assert.rejects(openEtcd(`etcd://${userInfo}${etcd.address}/${key}`, { env: {} }).read(), (error: Error) => {
      assert.match(error.message, words)
      return !/p:ss|wrong/.test(error.message)
    })
  })
}

test('over TLS with a certificate of ours; files of authorities that did not sign it are told', {
  skip: etcdMissing || certificatesMissing,
}, async (t) => {
  const authority = new Authority()
  const etcd = await startEtcd(t, { ca: authority.cert, server: authority.forServer(), client: authority.forClient('turnpike') })
  etcd.put('gw/a', 'one')
  const client = `cert=${etcd.file('client.pem')}&key=${etcd.file('client-key.pem')}`
  const watched = watch(t, `etcds://${etcd.address}/gw/?ca=${etcd.file('ca.pem')}&${client}`)
  await watched.until(({ texts }) => texts[0] === 'one')
  etcd.put('gw/a', 'two')
  await watched.until(({ texts }) => texts[0] === 'two')
  writeFileSync(etcd.file('other.pem'), new Authority('Somebody else').cert)
  const read = (query: string) => openEtcd(`etcds://${etcd.address}/gw/?${query}`, { env: {} }).read()
  await assert.rejects(read(`ca=${etcd.file('other.pem')}&${client}`), /cannot be asked: .*(certificate|signature)/i)
  await assert.rejects(read(`ca=${etcd.file('missing.pem')}`), /missing\.pem cannot be read/)
  await assert.rejects(read(`ca=${etcd.file('ca.pem')}&cert=x`), /`cert` and `key` go together/)
})

test('what was compacted while the store was away is read as it is now', { skip: etcdMissing }, async (t) => {
  const etcd = await startEtcd(t)
  etcd.put('gw/a', '0')
  const watched = watch(t, `etcd://${etcd.address}/gw/`)
  await watched.until(({ texts }) => texts[0] === '0')
  etcd.pause()
  await watched.until(({ reasons }) => reasons.length > 0)
  etcd.resume()
  for (let i = 1; i <= 3; i++) etcd.put('gw/a', String(i))
  etcd.compact()
  await watched.until(({ texts }) => texts[0] === '3')
})

test('a store that lost all its data is told as empty', { skip: etcdMissing }, async (t) => {
  const etcd = await startEtcd(t)
  for (let i = 0; i < 5; i++) etcd.put('gw/a', String(i))
  const watched = watch(t, `etcd://${etcd.address}/gw/`)
  await watched.until(({ texts }) => texts[0] === '4')
  await etcd.stop()
  etcd.wipe()
  await etcd.start()
  await watched.until(({ texts }) => texts.length === 0)
  etcd.put('gw/a', 'again')
  await watched.until(({ texts }) => texts[0] === 'again')
})

test('when a member cannot be asked, the next one is', { skip: etcdMissing }, async (t) => {
  const etcd = await startEtcd(t)
  etcd.put('gw/a', 'one')
  const url = `etcd://127.0.0.1:1,${etcd.address}/gw/`
  assert.equal((await openEtcd(url, { env: {} }).read())[0]?.text, 'one')
  const watched = watch(t, url)
  await watched.until(({ texts }) => texts[0] === 'one')
  assert.match(watched.reasons[0] ?? '', /^127\.0\.0\.1:1 refused the connection$/)
})
