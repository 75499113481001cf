import { z } from '../core/schema.ts'
import { type Answer, json } from './answer.ts'
import type { Endpoint } from './endpoint.ts'
import type { AdminParts } from './parts.ts'

/** The configuration: what is in force. */
export const CONFIG_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/config',
    role: 'read',
    summary: 'The configuration in force, secrets hidden, and why a newer one is not. Its ETag is the revision.',
    response: { schema: configSchema, description: 'What is in force.' },
    answer: current,
  },
]

function configSchema() {
  return z.object({
    wantedRevision: z.string().nullable().describe('Of the newest configuration that could be read.'),
    runningRevision: z.string().nullable(),
    loadedAt: z.string().nullable().describe('When it came into force, in ISO 8601.'),
    lastError: z.string().nullable().describe('Why the newest configuration is not in force; null when it is.'),
    config: z.unknown().describe('As it is written, with `***` for secrets.'),
  })
}

function current(parts: AdminParts): Answer {
  const { wantedRevision, runningRevision, loadedAtMs, lastError } = parts.status()
  const loadedAt = loadedAtMs === null ? null : new Date(loadedAtMs).toISOString()
  const answer = json({ wantedRevision, runningRevision, loadedAt, lastError, config: parts.display() })
  return runningRevision === null ? answer : { ...answer, headers: { etag: `"${runningRevision}"` } }
}
