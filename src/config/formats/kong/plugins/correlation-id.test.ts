import assert from 'node:assert/strict'
import { test } from 'node:test'

import { correlationId } from './correlation-id.ts'
import { translated } from './testing.ts'

test('2.10 correlation-id: Kong-Request-ID with a counter, not told to clients', async () => {
  assert.deepEqual((await translated(correlationId, {})).policies, {
    'correlation-id:correlation-id': { header: 'Kong-Request-ID', format: 'uuid-counter', respond: false },
  })
  const { policies, notes } = await translated(correlationId, { header_name: 'X-Id', generator: 'tracker', echo_downstream: true })
  assert.deepEqual(policies, { 'correlation-id:correlation-id': { header: 'X-Id', format: 'origin', respond: true } })
  assert.deepEqual(notes, ['config.generator#tracker'])
})
