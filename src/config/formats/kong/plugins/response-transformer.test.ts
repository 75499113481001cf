import assert from 'node:assert/strict'
import { test } from 'node:test'
import { responseTransformer } from './response-transformer.ts'
import { translated } from './testing.ts'

test('2.10 response-transformer: values by their types, and headers as they are written', async () => {
  const { policies, notes, errors } = await translated(responseTransformer, {
    replace: { headers: ['X-A:{user}'] },
    add: { json: ['n:1.5', 'f:false', 's:{user}', 'bad:x'], json_types: ['number', 'boolean', 'string', 'number'] },
    append: { json: ['a/b:1', 'a/b:2'] },
  })
  assert.deepEqual(errors, [])
  assert.deepEqual(notes, ['config.add.json_types', 'config#json'])
  assert.deepEqual(policies, {
    'transform:response-transformer': {
      request: { timestampHeader: false },
      response: {
        headers: { replace: { 'X-A': '{{user}' } },
        headersOn: 'all',
        body: { default: { '/n': 1.5, '/f': false, '/s': '{{user}' }, append: { '/a~1b': ['1', '2'] } },
        notJson: 'pass-unparsable',
        timeHeader: false,
      },
      bodyBytesMax: '8MiB',
    },
  })
})

test('2.10 response-transformer: a header in two operations is told, once', async () => {
  const config = { remove: { headers: ['X-A', 'X-B'] }, add: { headers: ['x-a:1', 'x-b:1'] } }
  assert.deepEqual((await translated(responseTransformer, config)).notes, ['config#twice'])
})

test('2.10 response-transformer: types are those of JSON', async () => {
  const { errors } = await translated(responseTransformer, { add: { json: ['a:1'], json_types: ['integer'] } })
  assert.equal(errors.length, 1)
})
