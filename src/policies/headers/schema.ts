import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, headerValueText, list, object, record, type z } from '../../core/schema.ts'

const EDITS_MAX = 100
const managed = { error: 'this header belongs to the connection or says where the message ends: only the gateway writes it' }

/** The name of a header that may be edited, or `Host` where it has a meaning. */
function editable({ host = false }: { host?: boolean } = {}) {
  return headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()) || (host && name.toLowerCase() === 'host'), managed)
}

/** Names are compared without regard to case: of two spellings one would silently win. */
function distinct(entries: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(entries).map((name) => name.toLowerCase())
  return new Set(names).size === names.length
}
const twice = { error: 'two of these names differ only in case' }
const twoIntoOne = { error: 'two headers would be renamed to one' }

function edits({ host }: { host: boolean }) {
  return object({
    remove: list(editable(), { max: EDITS_MAX }).default([]).describe('Headers to remove.'),
    rename: record(editable(), editable(), { max: EDITS_MAX })
      .refine(distinct, twice)
      .refine(
        (entries) => new Set(Object.values(entries).map((name) => name.toLowerCase())).size === Object.keys(entries).length,
        twoIntoOne,
      )
      .default({})
      .describe('New names by old names. All values move; values that the new name had are replaced.'),
    set: record(editable({ host }), headerValueText(), { max: EDITS_MAX })
      .refine(distinct, twice)
      .refine((entries) => Object.entries(entries).every(([name, value]) => name.toLowerCase() !== 'host' || AUTHORITY.test(value)), {
        error: 'expected `Host` to be a name or address with an optional port',
      })
      .default({})
      .describe(`Values by name, in place of all that are there.${host ? ' `Host` is what the service sees as its own name.' : ''}`),
    add: record(editable(), headerValueText(), { max: EDITS_MAX })
      .refine(distinct, twice)
      .default({})
      .describe('Values by name, behind those that are there.'),
  })
}

const AUTHORITY = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/

export const schema = object({
  request: edits({ host: true }).prefault({}).describe('Edits of what goes to the service.'),
  response: edits({ host: false }).prefault({}).describe('Edits of what goes to the client, of refusals too.'),
})

export type HeadersOptions = z.output<typeof schema>
