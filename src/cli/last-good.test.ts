import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LastGood } from './last-good.ts'
import { stateFolderName } from './state-folder.ts'

const NAMES = ['base.yaml', 'etcd://host/gw/']

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-last-good-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'made', 'when-missing')
}

function sources(text: string) {
  return [{ name: 'etcd://host/gw/', fragments: [{ name: 'etcd://host/gw/a', text }] }]
}

test('what was saved last is read, by a gateway with the same sources only', async (t) => {
  const folder = folderOf(t)
  const lastGood = new LastGood(folder, NAMES)
  assert.equal(await lastGood.read(), null)
  await Promise.all([lastGood.save(sources('one'), 1), lastGood.save(sources('two'), 2)])
  assert.deepEqual(await new LastGood(folder, NAMES).read(), { savedAtMs: 2, sources: sources('two') })
  assert.equal(await new LastGood(folder, ['etcd://host/other/']).read(), null)
  assert.deepEqual([statSync(lastGood.file).mode & 0o777, statSync(folder).mode & 0o777], [0o600, 0o700])
  assert.equal(readdirSync(folder).length, 1, 'nothing unfinished is left')
})

test('what is the same is not written again', async (t) => {
  const lastGood = new LastGood(folderOf(t), NAMES)
  await lastGood.save(sources('one'), 1)
  await lastGood.save(sources('one'), 2)
  assert.equal((await lastGood.read())?.savedAtMs, 1)
})

test('what is no kept configuration is not read as one', async (t) => {
  const lastGood = new LastGood(folderOf(t), NAMES)
  await lastGood.save(sources('one'), 1)
  const good = readFileSync(lastGood.file, 'utf8')
  for (const text of ['', '{', 'null', '[]', '{"format":2}', good.slice(0, -5), good.replace('"text":"one"', '"text":1')]) {
    writeFileSync(lastGood.file, text)
    await assert.rejects(lastGood.read(), text)
  }
  writeFileSync(lastGood.file, good)
  chmodSync(lastGood.file, 0o620)
  await assert.rejects(lastGood.read(), /could have been written by another user/)
})

test('a folder that cannot be made is told when something is saved', async (t) => {
  const folder = folderOf(t)
  await new LastGood(folder, NAMES).save(sources('one'), 1)
  const file = new LastGood(folder, NAMES).file
  await assert.rejects(new LastGood(join(file, 'below-a-file'), NAMES).save(sources('two'), 1), /ENOTDIR|EEXIST/)
})

test('the folder is the one that is named nearest', () => {
  const env = { TURNPIKE_STATE_DIR: '/b', STATE_DIRECTORY: '/c:/d', XDG_STATE_HOME: '/e', HOME: '/f' }
  assert.equal(stateFolderName('/a', env), '/a')
  assert.equal(stateFolderName(null, env), '/b')
  assert.equal(stateFolderName(null, { ...env, TURNPIKE_STATE_DIR: '' }), '/c')
  const rest = { XDG_STATE_HOME: '/e', HOME: '/f' }
  const isRoot = process.getuid?.() === 0
  assert.equal(stateFolderName(null, rest), isRoot ? '/var/lib/turnpike' : '/e/turnpike')
})
