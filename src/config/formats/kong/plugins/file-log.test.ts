import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fileLog } from './file-log.ts'
import { translated } from './testing.ts'

test('2.10 file-log: a path, opened anew where that is asked for', async () => {
  const { policies, notes } = await translated(fileLog, { path: '/tmp/kong.log', reopen: true })
  assert.deepEqual(policies, { 'kong-log:file-log': { file: '/tmp/kong.log', reopen: true, set: {} } })
  assert.deepEqual(notes, ['config', 'config.reopen'])
  assert.equal((await translated(fileLog, {})).errors.length, 1)
  assert.deepEqual((await translated(fileLog, { path: '/tmp/*' })).errors, ['path: not a valid filename'])
})
