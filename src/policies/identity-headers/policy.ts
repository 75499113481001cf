import type { Caller } from '../../core/caller.ts'
import { type ClaimReader, claimReader, textsOf } from '../../core/claims.ts'
import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { fieldValue, listValue } from './field-value.ts'
import { protectedNames } from './names.ts'
import type { IdentityHeadersOptions } from './schema.ts'

/** Gives a header its value; null for none. */
interface Field {
  readonly name: string
  readonly valueFor: (caller: Caller) => string | null
}

export const identityHeaders: PolicyDefinition<IdentityHeadersOptions> = {
  kind: 'identity-headers',
  summary: 'Tells the service who calls, in headers that no client can forge.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options) {
    const forgeable = protectedNames(options)
    const fields = compileFields(options)
    return {
      onRequest({ request, caller }) {
        const { headers } = request
        for (const name of forgeable) headers.deleteForged(name)
        if (caller.isKnown) for (const field of fields) write(headers, field, caller)
        return undefined
      },
    }
  },
}

function write(headers: Headers, { name, valueFor }: Field, caller: Caller): void {
  const value = valueFor(caller)
  if (value !== null) headers.set(name, value)
}

function compileFields({
  subject,
  consumer,
  groups,
  credential,
  method,
  roles,
  permissions,
  claims,
}: IdentityHeadersOptions): readonly Field[] {
  const fields: Field[] = []
  const add = (name: string | false, valueFor: Field['valueFor']): void => {
    if (name !== false) fields.push({ name, valueFor })
  }
  add(subject, (caller) => fieldValue(caller.subject))
  add(consumer, (caller) => (caller.consumer === null ? null : fieldValue(caller.consumer.name)))
  add(groups, (caller) => (caller.consumer === null ? null : listValue(caller.consumer.groups)))
  add(credential, (caller) => fieldValue(caller.credentialId))
  add(method, (caller) => fieldValue(caller.method))
  add(
    roles,
    listOf((caller) => caller.user?.roles, claimReader('roles')),
  )
  add(
    permissions,
    listOf((caller) => caller.user?.permissions, claimReader('permissions')),
  )
  for (const [claim, name] of Object.entries(claims)) {
    const read = claimReader(claim)
    add(name, (caller) => (caller.claims === null ? null : claimValue(read(caller.claims))))
  }
  return fields
}

/** The record has the word where there is one, as for `authorize`. */
function listOf(inRecord: (caller: Caller) => readonly string[] | undefined, read: ClaimReader): Field['valueFor'] {
  return (caller) => listValue(inRecord(caller) ?? (caller.claims === null ? [] : textsOf(read(caller.claims))))
}

/** A scalar, or a list of them; objects have no form that a header could take. */
function claimValue(value: unknown): string | null {
  if (Array.isArray(value)) return listValue(value.filter(isScalar).map(String))
  return isScalar(value) ? fieldValue(String(value)) : null
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
