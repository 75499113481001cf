import assert from 'node:assert/strict'
import { test } from 'node:test'

import { botDetection } from './bot-detection.ts'
import { translated } from './testing.ts'

test('2.10 bot-detection: both lists, and the built-in one behind them', async () => {
  const { policies, notes } = await translated(botDetection, { allow: ['^Googlebot'] })
  assert.deepEqual(policies, { 'user-agent:bot-detection': { allow: ['^Googlebot'], deny: [] } })
  assert.deepEqual(notes, ['config'])
  assert.match((await translated(botDetection, { deny: ['('] })).errors.join(), /not a valid regex/)
})
