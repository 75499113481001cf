/** What the configuration endpoints answer, for the description of the API. */
import { z } from '../core/schema.ts'

const place = () => z.object({ file: z.string(), line: z.int(), column: z.int() })

export function problemsSchema() {
  return z.array(
    z.object({ severity: z.enum(['error', 'warning']), file: z.string(), line: z.int(), column: z.int(), message: z.string() }),
  )
}

export function validationSchema() {
  return z.object({
    valid: z.boolean(),
    revision: z.string().nullable().describe('That it would have; null when it is not valid.'),
    problems: problemsSchema(),
  })
}

export function diffSchema() {
  const changes = () =>
    z.array(
      z.object({
        change: z.enum(['added', 'removed', 'changed']),
        name: z.string(),
        at: place().nullable().describe('Null for listeners.'),
        fields: z
          .array(z.string())
          .describe('What of it changed, as `policies.rate-limit.options.limit`, at most 50. Values are not told.'),
      }),
    )
  return z.object({
    from: z.string(),
    to: z.string(),
    listeners: changes(),
    services: changes(),
    routes: changes(),
    consumers: changes(),
    policies: changes().describe('Those that hold everywhere.'),
    settings: z.array(z.string()).describe('All else that changed, as `limits.headBytesMax`.'),
  })
}

export function appliedSchema() {
  return z.object({
    revision: z.string(),
    previous: z.string(),
    file: z.string(),
    backup: z.string().describe('The file that holds what was there before.'),
    problems: problemsSchema().describe('Warnings.'),
  })
}

const entry = {
  revision: z.string(),
  at: z.string().describe('When it came into force, in ISO 8601.'),
  cause: z.string(),
  by: z.string().nullable().describe('Name of the token it came with.'),
  restorable: z.boolean().describe('Whether its document is kept, for a rollback.'),
}

export function historySchema() {
  return z.object({ revisions: z.array(z.object(entry)).describe('The newest first.') })
}

export function historyEntrySchema() {
  return z.object({ ...entry, config: z.unknown().describe('As it is written, with `***` for secrets.') })
}

export function configSchema() {
  return z.object({
    wantedRevision: z.string().nullable().describe('Of the newest configuration that could be read.'),
    runningRevision: z.string().nullable(),
    loadedAt: z.string().nullable().describe('When it came into force, in ISO 8601.'),
    lastError: z.string().nullable().describe('Why the newest configuration is not in force; null when it is.'),
    config: z.unknown().describe('As it is written, with `***` for secrets.'),
  })
}
