import assert from 'node:assert/strict'
import { test } from 'node:test'

import { cors } from './cors.ts'
import { translated } from './testing.ts'

test('2.10 cors: the defaults let every origin read, and echo the headers that are asked for', async () => {
  const { policies, notes } = await translated(cors, {})
  assert.deepEqual(policies, {
    'cors:cors': {
      lenient: true,
      preflightStatus: 200,
      origins: ['*'],
      methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'],
      headers: ['*'],
      exposedHeaders: [],
      maxAge: false,
      credentials: false,
      preflightContinue: false,
      privateNetwork: false,
      originAbsent: true,
    },
  })
  assert.deepEqual(notes, [])
})

test('2.10 cors: expressions match the whole origin, or the host alone where they have no colon', async () => {
  const origins = ['https://a.example', '^https://[a-z]+[.]b[.]example$', '.*[.]c[.]example', 'a[.]x|b[.]x']
  const { policies, notes } = await translated(cors, { origins, max_age: 3600 })
  assert.deepEqual(JSON.parse(JSON.stringify(policies))['cors:cors'].origins, [
    'https://a.example',
    '~https://[a-z]+[.]b[.]example',
    '~[^:/]+://(?:.*[.]c[.]example)(?::[0-9]+)?',
    '~[^:/]+://(?:a[.]x|b[.]x)(?::[0-9]+)?',
  ])
  assert.equal(JSON.parse(JSON.stringify(policies))['cors:cors'].maxAge, 3_600_000)
  assert.deepEqual(notes, ['config.origins#alternatives'])
})

test('2.10 cors: no expression and no method that is none', async () => {
  assert.match((await translated(cors, { origins: ['(['] })).errors.join(), /'\(\[' is not a valid regex/)
  assert.equal((await translated(cors, { methods: ['FETCH'] })).errors.length, 1)
})
