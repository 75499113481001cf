import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readAccess } from './access.ts'

const ENV = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }

function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-access-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function kubeconfig(server: string, user: string): string {
  return `{ current-context: a, contexts: [{ name: a, context: { cluster: a, user: a } }],
    clusters: [{ name: a, cluster: { server: "${server}" } }], users: [{ name: a, user: ${user} }] }`
}

test('a pod asks as its service account', async (t) => {
  const folder = folderWith(t, { token: 'abc\n', 'ca.crt': 'CA' })
  const tls = { ca: 'CA', cert: null, key: null, serverName: null }
  assert.deepEqual(await readAccess({ kind: 'in-cluster' }, ENV, folder), { url: 'https://10.96.0.1:443', tls, token: 'abc' })
  const { url } = await readAccess({ kind: 'in-cluster' }, { ...ENV, KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder)
  assert.equal(url, 'https://[fd00::1]:443')
})

test('what is missing of a service account is named', async (t) => {
  const folder = folderWith(t, { token: 'abc' })
  await assert.rejects(readAccess({ kind: 'in-cluster' }, {}, folder), { name: 'AccessError', message: /^this is no pod/ })
  await assert.rejects(readAccess({ kind: 'in-cluster' }, ENV, folder), { name: 'AccessError', message: /ca\.crt cannot be read: ENOENT/ })
})

test('files that a kubeconfig names are read beside it', async (t) => {
  const user = '{ tokenFile: token, client-certificate: cert, client-key: key }'
  const folder = folderWith(t, { config: kubeconfig('https://a:6443', user), token: ' abc\n', cert: 'CERT', key: 'KEY' })
  assert.deepEqual(await readAccess({ kind: 'kubeconfig', file: join(folder, 'config'), context: null }, {}, ''), {
    url: 'https://a:6443/',
    tls: { ca: null, cert: 'CERT', key: 'KEY', serverName: null },
    token: 'abc',
  })
})

test('no credential is sent in the clear, and a server that needs none may be asked so', async (t) => {
  const read = (user: string) => {
    const folder = folderWith(t, { config: kubeconfig('http://127.0.0.1:8001', user) })
    return readAccess({ kind: 'kubeconfig', file: join(folder, 'config'), context: null }, {}, '')
  }
  await assert.rejects(read('{ token: s3cret }'), {
    name: 'AccessError',
    message: 'http://127.0.0.1:8001/ is not `https`: credentials are not sent in the clear',
  })
  assert.equal((await read('{}')).token, null)
})

test('a token that would break its header is refused and not told', async (t) => {
  const folder = folderWith(t, { token: 'abc\r\nx-evil: 1', 'ca.crt': 'CA' })
  await assert.rejects(readAccess({ kind: 'in-cluster' }, ENV, folder), (error: Error) => !error.message.includes('evil'))
})
