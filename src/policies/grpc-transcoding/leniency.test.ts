import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, stepsFor } from './testing.ts'

test('a body may be JSON whatever its type says, but not in a coding that cannot be read', async () => {
  const steps = await stepsFor({ ignoreContentType: true })
  const sent = { method: 'POST', path: '/v1/shelves/1/items/2:move', body: '{"view":"FULL"}' }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
    const { message, reply } = await call(steps, { ...sent, headers: [['Content-Type', type]] })
    assert.deepEqual([reply, message], [null, { name: 'shelves/1/items/2', view: 'FULL' }], type)
  }
  const { reply } = await call(steps, { ...sent, headers: [['Content-Encoding', 'compress']] })
  assert.equal(reply?.code, 'request_media_type_unsupported')
})

test('refusals say why', async () => {
  const steps = await stepsFor()
  const missing = (await call(steps, { path: '/v1/nothing' })).reply
  assert.deepEqual([missing?.code, missing?.reason, missing?.about], ['route_not_found', 'mapping-missing', '/v1/nothing'])
  const method = (await call(steps, { method: 'DELETE', path: '/v1/items/a' })).reply
  assert.deepEqual([method?.code, method?.reason], ['method_not_allowed', 'mapping-missing'])
  const broken = (await call(steps, { method: 'POST', path: '/v1/shelves/1/items/2:move', body: '{"view"' })).reply
  assert.deepEqual([broken?.code, broken?.reason], ['request_body_invalid', 'json-invalid'])
})
