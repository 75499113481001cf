import assert from 'node:assert/strict'
import { test } from 'node:test'

import { requestSizeLimiting } from './request-size-limiting.ts'
import { translated } from './testing.ts'

test('2.10 request-size-limiting: 128 megabytes of 1048576 bytes, and other units', async () => {
  const sizeOf = async (config: object): Promise<unknown> => Object.values((await translated(requestSizeLimiting, config)).policies)[0]
  assert.deepEqual(await sizeOf({}), { bodyMax: 134_217_728, requireLength: false })
  assert.deepEqual(await sizeOf({ allowed_payload_size: 4, size_unit: 'kilobytes' }), { bodyMax: 4096, requireLength: false })
  assert.deepEqual(await sizeOf({ allowed_payload_size: 4, size_unit: 'bytes', require_content_length: true }), {
    bodyMax: 4,
    requireLength: true,
  })
})
