import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../core/errors.ts'
import { compileStatuses } from '../core/status-set.ts'
import { judge, type Outcome } from './outcome.ts'

const CASES: readonly (readonly [number, ErrorCode | null, Outcome])[] = [
  [200, null, 'success'],
  [404, null, 'success'],
  [429, null, 'failure'],
  [500, null, 'failure'],
  [599, null, 'failure'],
  [0, null, 'neither'],
  [0, 'upstream_dns_failed', 'failure'],
  [0, 'upstream_connect_refused', 'failure'],
  [0, 'upstream_connect_failed', 'failure'],
  [0, 'upstream_connect_timeout', 'failure'],
  [0, 'upstream_reset_before_headers', 'failure'],
  [0, 'upstream_response_malformed', 'failure'],
  [0, 'upstream_head_too_large', 'failure'],
  [0, 'upstream_timeout', 'failure'],
  [200, 'upstream_body_aborted', 'failure'],
  [200, 'upstream_body_too_large', 'neither'],
  [200, 'upstream_body_invalid', 'neither'],
  [0, 'upstream_connections_exhausted', 'neither'],
  [0, 'client_closed', 'neither'],
  [500, 'client_closed', 'neither'],
  [200, 'response_write_timeout', 'neither'],
  [0, 'request_body_timeout', 'neither'],
  [0, 'circuit_open', 'neither'],
  [0, 'internal_error', 'neither'],
]

for (const [status, error, outcome] of CASES) {
  test(`a try that ended with status ${status} and ${error ?? 'no fault'} is for the service: ${outcome}`, () => {
    assert.equal(judge(status, error, compileStatuses([429, '5xx'])), outcome)
  })
}
