/** What the endpoints of the configuration tell. */
import { configProblems } from '../../api.ts'
import { anything, flag, list, nullable, number, object, oneOf, type Shaped, text } from '../../shape.ts'

export const configShape = object({
  wantedRevision: nullable(text),
  runningRevision: nullable(text),
  loadedAt: nullable(text),
  lastError: nullable(text),
  config: anything,
})

const revision = object({ revision: text, at: text, cause: text, by: nullable(text), restorable: flag })
export type Revision = Shaped<typeof revision>
export const historyShape = object({ revisions: list(revision) })

const change = object({
  change: oneOf('added', 'removed', 'changed'),
  name: text,
  at: nullable(object({ file: text, line: number, column: number })),
  fields: list(text),
})
export const diffShape = object({
  from: text,
  to: text,
  listeners: list(change),
  services: list(change),
  routes: list(change),
  consumers: list(change),
  policies: list(change),
  settings: list(text),
})
export type Diff = Shaped<typeof diffShape>

export const validationShape = object({ valid: flag, revision: nullable(text), problems: configProblems })
export const appliedShape = object({ revision: text, previous: text, file: text, backup: text, problems: configProblems })
