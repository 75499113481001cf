/** Records of users as the user service and the store give them. What comes from outside is checked, not believed. */
import type { UserRecord } from '../../core/caller.ts'
import { parsePointer, valueAt } from '../../core/claims.ts'

const NAMES_MAX = 1_000
const NAME_LENGTH_MAX = 256

/** Reads a record out of an answer. Throws an Error that says what is wrong with it. */
export type RecordReader = (text: string) => UserRecord

/** @param roles JSON Pointer to a list of texts; so is `permissions` */
export function recordReader(roles: string, permissions: string): RecordReader {
  const rolesPath = parsePointer(roles)
  const permissionsPath = parsePointer(permissions)
  return (text) => {
    const document: unknown = JSON.parse(text)
    if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new Error('the record is no JSON object')
    return { roles: namesAt(document, rolesPath, roles), permissions: namesAt(document, permissionsPath, permissions) }
  }
}

/** How records lie in the store. */
export const readStored = recordReader('/roles', '/permissions')

export function writeStored({ roles, permissions }: UserRecord): string {
  return JSON.stringify({ roles, permissions })
}

/** A user without any may have no list at all; anything else that is no list of names is a fault, and no user without rights. */
function namesAt(document: object, path: readonly string[], pointer: string): readonly string[] {
  const value = valueAt(document, path)
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${pointer} of the record is no list`)
  if (value.length > NAMES_MAX) throw new Error(`${pointer} of the record has more than ${NAMES_MAX} entries`)
  if (!value.every(isName)) throw new Error(`${pointer} of the record holds what is no name of 1 to ${NAME_LENGTH_MAX} characters`)
  return value
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= NAME_LENGTH_MAX
}
