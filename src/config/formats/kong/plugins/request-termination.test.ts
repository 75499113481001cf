import assert from 'node:assert/strict'
import { test } from 'node:test'

import { requestTermination } from './request-termination.ts'
import { translated } from './testing.ts'

const optionsOf = async (config: object): Promise<unknown> =>
  (await translated(requestTermination, config)).policies['static-response:request-termination']

test('2.10 request-termination: the message follows from the status, as JSON and nothing else', async () => {
  const json = 'application/json; charset=utf-8'
  assert.deepEqual(await optionsOf({}), { status: 503, contentType: json, body: '{"message":"Service unavailable"}' })
  assert.deepEqual(await optionsOf({ status_code: 404 }), { status: 404, contentType: json, body: '{"message":"Not found"}' })
  assert.deepEqual(await optionsOf({ status_code: 403, message: 'So "long"' }), {
    status: 403,
    contentType: json,
    body: '{"message":"So \\"long\\""}',
  })
  assert.deepEqual(await optionsOf({ status_code: 418 }), { status: 418, contentType: json, body: '' })
})

test('2.10 request-termination: a body has the type that is given, or none', async () => {
  assert.deepEqual(await optionsOf({ body: '<p>', content_type: 'text/html', trigger: 'X-Stop' }), {
    status: 503,
    contentType: 'text/html',
    body: '<p>',
    trigger: 'X-Stop',
  })
  assert.deepEqual(await optionsOf({ body: 'x' }), { status: 503, contentType: false, body: 'x' })
  assert.deepEqual(await optionsOf({ echo: true }), { status: 503, echo: { message: 'Service unavailable' } })
})

test('2.10 request-termination: what does not go together is refused', async () => {
  const errors = async (config: object): Promise<string> => (await translated(requestTermination, config)).errors.join()
  assert.equal(await errors({ message: 'a', body: 'b' }), 'message cannot be used with content_type or body')
  assert.equal(await errors({ content_type: 'a' }), 'content_type requires a body')
  assert.equal(await errors({ echo: true, body: 'a' }), 'echo cannot be used with content_type and body')
  assert.match(await errors({ status_code: 101 }), /200 or more/)
})
