/** What Kong's refusals look like. */
import assert from 'node:assert/strict'
import type { Answer } from './kong-gateway.ts'

/** The usual one: JSON in Kong's spelling, with the id of the request. @param challenge `WWW-Authenticate`; undefined for none */
export function assertError({ status, headers, body }: Answer, wanted: number, message: string, challenge?: string): void {
  assert.equal(status, wanted, body)
  assert.equal(headers['www-authenticate'], challenge)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  const id = headers['x-kong-request-id'] ?? /"request_id":"([^"]+)"/.exec(body)?.[1]
  assert.equal(body, `{\n  "message":"${message}",\n  "request_id":"${id}"\n}`)
}

/** Of plugins that answer with an object of their own, without the id. */
export function assertObject({ status, headers, body }: Answer, wanted: number, object: object, challenge?: string): void {
  assert.equal(status, wanted, body)
  assert.equal(headers['www-authenticate'], challenge)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(body, JSON.stringify(object))
}
