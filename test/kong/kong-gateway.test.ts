import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'

test('2.1 a file with one service and one route runs', async (t) => {
  const kong = await startKong(
    t,
    `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes:
      - name: users
        paths: [/users]
`,
  )
  const { status } = await kong.ask('/users/7?a=b')
  assert.equal(status, 200)
  assert.equal(kong.received.length, 1)
  assert.equal((await kong.ask('/other')).status, 404)
})
