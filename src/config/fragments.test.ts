/** Documents of stores, which have no file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fragment } from '../core/config-source.ts'
import { loadConfig } from './load.ts'
import { TEST_POLICIES } from './testing.ts'

const files = new Map([
  ['/secrets/token', 'from-a-file'],
  ['base.yaml', 'services: { a: { targets: ["127.0.0.1:1"] } }\n'],
])

function load(...documents: readonly (string | Fragment)[]) {
  return loadConfig(documents, {
    policies: TEST_POLICIES,
    env: {},
    readFile: (path) => {
      const text = files.get(path)
      return text === undefined ? Promise.reject(Object.assign(new Error('no file'), { code: 'ENOENT' })) : Promise.resolve(text)
    },
  })
}

function fragment(key: string, text: string): Fragment {
  return { name: `etcd://host:2379/gw/${key}`, text }
}

test('documents of a store and files are one configuration, and places name the documents', async () => {
  const loaded = await load(
    'base.yaml',
    fragment('one', 'routes: { r: { path: /r, service: a } }'),
    fragment('two', 'routes: { s: { path: /s, service: a } }'),
  )
  assert.ok('ir' in loaded)
  assert.deepEqual(
    loaded.ir.routes.map(({ name, at }) => [name, at.file]),
    [
      ['r', 'etcd://host:2379/gw/one'],
      ['s', 'etcd://host:2379/gw/two'],
    ],
  )
  assert.deepEqual(loaded.files, ['base.yaml'], 'a document is no file to be watched')
})

test('what is said twice names both documents', async () => {
  const loaded = await load(fragment('one', 'workers: 1'), fragment('two', 'workers: 2'))
  assert.ok('problems' in loaded)
  assert.deepEqual(
    loaded.problems.filter(({ severity }) => severity === 'error').map(({ location, message }) => [location.file, message]),
    [['etcd://host:2379/gw/two', '`workers` is already defined at etcd://host:2379/gw/one:1:1']],
  )
})

test('a file is interpolated by its path from the root only', async () => {
  const taken = await load(fragment('one', `admin: { token: "\${file:/secrets/token}" }`))
  assert.ok('ir' in taken)
  assert.equal(taken.ir.admin.token, 'from-a-file')
  assert.deepEqual(taken.files, ['/secrets/token'])
  const refused = await load(fragment('one', `admin: { token: "\${file:../secrets/token}" }`))
  assert.ok('problems' in refused)
  assert.match(
    refused.problems.find(({ severity }) => severity === 'error')?.message ?? '',
    /^`\$\{file:\.\.\/secrets\/token\}` is relative, and a document of a store stands in no folder/,
  )
})

test('a document is never run, whatever its name', async () => {
  for (const key of ['evil.ts', 'evil.mjs']) {
    const loaded = await load(fragment(key, 'globalThis.wasRun = true\nexport default {}\n'))
    assert.ok('problems' in loaded)
    assert.ok(!('wasRun' in globalThis))
  }
})

test('a configuration says of itself that it may be empty', async () => {
  for (const [text, allowsEmpty] of [
    ['{}', false],
    ['allowEmpty: true', true],
  ] as const) {
    const loaded = await load(fragment('one', text))
    assert.ok('ir' in loaded)
    assert.equal(loaded.allowsEmpty, allowsEmpty)
  }
})
