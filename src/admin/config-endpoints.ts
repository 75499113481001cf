import { type Answer, json } from './answer.ts'
import { apply, compare, compareKept, history, historyEntry, rollback, rollbackSchema, validate } from './config-answers.ts'
import { appliedSchema, configSchema, diffSchema, historyEntrySchema, historySchema, validationSchema } from './config-schemas.ts'
import type { Endpoint, EndpointBody } from './endpoint.ts'
import type { AdminParts } from './parts.ts'

const DOCUMENT: EndpointBody = {
  types: ['application/yaml', 'application/json'],
  bytesMax: 8 * 2 ** 20,
  schema: null,
  description: 'A whole configuration, in YAML or JSON; see docs/turnpike.schema.json.',
}
const IF_MATCH = [{ name: 'If-Match', description: 'The ETag of `GET /config`, or `*` for whatever is in force.' }]
const BUSY = 'Another configuration is being looked at.'
const APPLY_PROBLEMS = {
  409: 'The configuration is not in a single local file that can be written.',
  412: 'Another revision is in force than If-Match says.',
  422: 'The document is wrong, or the gateway cannot take it; `problems` says where. Nothing has changed.',
  428: 'If-Match is missing.',
  503: BUSY,
}

/** The configuration: what is in force, what was, and what could be. */
export const CONFIG_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/config',
    role: 'read',
    summary: 'The configuration in force, secrets hidden, and why a newer one is not. Its ETag is the revision.',
    response: { schema: configSchema, description: 'What is in force.' },
    answer: current,
  },
  {
    method: 'PUT',
    path: '/config',
    role: 'write',
    summary:
      'Writes a configuration into the file that the gateway was started from, keeps the old one beside it, and waits until it is in force.',
    headers: IF_MATCH,
    body: DOCUMENT,
    response: { schema: appliedSchema, description: 'It is in force.' },
    problems: APPLY_PROBLEMS,
    answer: apply,
  },
  {
    method: 'POST',
    path: '/config/validate',
    // What a document names (`${file:…}`, certificates) is read on the gateway's machine.
    role: 'write',
    isDry: true,
    summary: 'Says all that is wrong with a configuration, or the revision that it would have. Changes nothing.',
    body: DOCUMENT,
    response: { schema: validationSchema, description: 'What was found.' },
    problems: { 503: BUSY },
    answer: validate,
  },
  {
    method: 'POST',
    path: '/config/diff',
    role: 'write',
    isDry: true,
    summary: 'What a configuration would change of the one in force. Changes nothing.',
    body: DOCUMENT,
    response: { schema: diffSchema, description: 'What differs.' },
    problems: { 422: 'The document is wrong; `problems` says where.', 503: BUSY },
    answer: compare,
  },
  {
    method: 'GET',
    path: '/config/diff',
    role: 'read',
    summary: 'What differs between two revisions of the history.',
    query: [
      { name: 'from', description: 'A revision.' },
      { name: 'to', description: 'A revision; the one in force by default.' },
    ],
    response: { schema: diffSchema, description: 'What differs.' },
    problems: { 404: 'No such revision is kept.' },
    answer: compareKept,
  },
  {
    method: 'GET',
    path: '/config/history',
    role: 'read',
    summary: 'The newest configurations that were in force since the control process began, with cause, time and who.',
    response: { schema: historySchema, description: 'At most 10.' },
    answer: history,
  },
  {
    method: 'GET',
    path: '/config/history/{revision}',
    role: 'read',
    summary: 'One of them, secrets hidden.',
    response: { schema: historyEntrySchema, description: 'What was in force.' },
    problems: { 404: 'No such revision is kept.' },
    answer: historyEntry,
  },
  {
    method: 'POST',
    path: '/config/rollback',
    role: 'write',
    summary: 'Puts the document of an earlier revision into force again, as `PUT /config` would.',
    headers: IF_MATCH,
    body: { types: ['application/json'], bytesMax: 1_024, schema: () => rollbackSchema, description: 'Which revision.' },
    response: { schema: appliedSchema, description: 'It is in force.' },
    problems: { ...APPLY_PROBLEMS, 404: 'No such revision is kept, or not its document.' },
    answer: rollback,
  },
]

function current(parts: AdminParts): Answer {
  const { wantedRevision, runningRevision, loadedAtMs, lastError } = parts.status()
  const loadedAt = loadedAtMs === null ? null : new Date(loadedAtMs).toISOString()
  const answer = json({ wantedRevision, runningRevision, loadedAt, lastError, config: parts.display() })
  return runningRevision === null ? answer : { ...answer, headers: { etag: `"${runningRevision}"` } }
}
