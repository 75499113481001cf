import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSource } from './index.ts'
import { isSourceUrl, parseSourceUrl, shownUrl, sourceKey } from './source-url.ts'

test('an address is taken apart', () => {
  assert.deepEqual(parseSourceUrl('etcds://me:a%2Fb%3A@one:2379,[::1]:1,three/gw/%20x/?ca=/a%20b&key=', ['ca', 'key']), {
    isTls: true,
    credentials: { user: 'me', password: 'a/b:' },
    hosts: ['one:2379', '[::1]:1', 'three'],
    path: 'gw/ x/',
    parameters: new Map([
      ['ca', '/a b'],
      ['key', ''],
    ]),
    name: 'etcds://one:2379,[::1]:1,three/gw/%20x/',
  })
  const plain = parseSourceUrl('kubernetes://shop/gateway', [])
  assert.deepEqual([plain.isTls, plain.credentials, plain.hosts, plain.path], [false, null, ['shop'], 'gateway'])
})

for (const [text, words] of [
  ['etcd:/x', /is no address of a source/],
  ['etcd://', /`` is no host/],
  ['etcd://a:0/x', /`a:0` is no host/],
  ['etcd://a:65536/x', /is no host/],
  ['etcd://a,,b/x', /`` is no host/],
  ['etcd://a b/x', /`a b` is no host/],
  ['etcd://a/%zz', /a % is not followed/],
  ['etcd://a/x?caa=/y', /no parameter `caa`: expected ca/],
  ['etcd://a/x?ca=1&ca=2', /stands twice/],
] as const) {
  test(`${text} is refused`, () => {
    assert.throws(() => parseSourceUrl(text, ['ca']), words)
  })
}

test('what is shown of an address has neither password nor parameters, whatever is wrong with it', () => {
  for (const text of ['etcd://me:se@cret@host/x?token=secret', 'etcd://me:se/cret@host/x#secret', 'ETCD://secret@host/x']) {
    assert.match(shownUrl(text), /^etcd:\/\/host\/x$/i)
    assert.throws(
      () => parseSourceUrl(text, []),
      (error: Error) => !/se.?cret/.test(error.message),
    )
  }
})

test('what has a scheme is a source, and all else a file', () => {
  for (const text of ['etcd://h/k', 'consul://h/k', 'htp://x']) assert.ok(isSourceUrl(text))
  for (const text of ['turnpike.yaml', './etcd', 'C:\\gw.yaml', '/a://b', 'etcd:/x']) assert.ok(!isSourceUrl(text))
})

test('a scheme that there is not is told with those that there are', async () => {
  const context = { env: {}, log: { info() {}, warn() {}, error() {} } }
  await assert.rejects(
    openSource('zk://me:secret@h/k', context),
    /^SourceUrlError: zk:\/\/h\/k: there are no sources `zk:\/\/`; there are etcd:\/\//,
  )
  await assert.rejects(openSource('etcd://h', context), /names no key: a prefix ends with a slash, as etcd:\/\/h\/turnpike\/$/)
})

test('an address is told from others by all but its credentials', () => {
  assert.equal(sourceKey('etcds://me:secret@one,two/gw/?ca=/a'), 'etcds://one,two/gw/?ca=/a')
  assert.equal(sourceKey('consul://host/gw/'), 'consul://host/gw/')
})
