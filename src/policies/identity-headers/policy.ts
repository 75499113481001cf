import { ANONYMOUS, type Caller } from '../../core/caller.ts'
import { type ClaimReader, claimReader, textsOf } from '../../core/claims.ts'
import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { type Encoding, encodingOf } from './field-value.ts'
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

function compileFields(options: IdentityHeadersOptions): readonly Field[] {
  const encoding = encodingOf(options.encoding, options.separator)
  const { subject } = options
  const user: Field[] = subject === false ? [] : [{ name: subject, valueFor: (caller) => encoding.text(caller.subject) }]
  return [...user, ...consumerFields(options, encoding), ...userFields(options, encoding)]
}

function consumerFields(options: IdentityHeadersOptions, encoding: Encoding): readonly Field[] {
  const fields: Field[] = []
  const add = (name: string | false, textOf: (caller: Caller) => string | undefined): void => {
    if (name !== false) fields.push({ name, valueFor: (caller) => encoding.text(textOf(caller) ?? '') })
  }
  const { groups } = options
  add(options.consumer, ({ consumer }) => consumer?.name)
  add(options.consumerId, ({ consumer }) => consumer?.id)
  for (const [label, name] of Object.entries(options.labels)) {
    add(name, ({ consumer }) =>
      consumer?.labels !== undefined && Object.hasOwn(consumer.labels, label) ? consumer.labels[label] : undefined,
    )
  }
  if (groups !== false) {
    fields.push({ name: groups, valueFor: ({ consumer }) => (consumer === null ? null : encoding.list(consumer.groups)) })
  }
  add(options.credential, ({ credentialId }) => credentialId)
  add(options.credentialName, ({ credentialName, credentialId }) => credentialName || credentialId)
  add(options.anonymous, ({ method }) => (method === ANONYMOUS ? 'true' : undefined))
  return fields
}

function userFields({ method, roles, permissions, claims }: IdentityHeadersOptions, encoding: Encoding): readonly Field[] {
  const fields: Field[] = []
  const add = (name: string | false, valueFor: Field['valueFor']): void => {
    if (name !== false) fields.push({ name, valueFor })
  }
  add(method, (caller) => encoding.text(caller.method))
  add(
    roles,
    listOf((caller) => caller.user?.roles, claimReader('roles'), encoding),
  )
  add(
    permissions,
    listOf((caller) => caller.user?.permissions, claimReader('permissions'), encoding),
  )
  for (const [claim, name] of Object.entries(claims)) {
    const read = claimReader(claim)
    add(name, (caller) => (caller.claims === null ? null : claimValue(read(caller.claims), encoding)))
  }
  return fields
}

/** The record has the word where there is one, as for `authorize`. */
function listOf(inRecord: (caller: Caller) => readonly string[] | undefined, read: ClaimReader, encoding: Encoding): Field['valueFor'] {
  return (caller) => encoding.list(inRecord(caller) ?? (caller.claims === null ? [] : textsOf(read(caller.claims))))
}

/** A scalar, or a list of them; objects have no form that a header could take. */
function claimValue(value: unknown, encoding: Encoding): string | null {
  if (Array.isArray(value)) return encoding.list(value.filter(isScalar).map(String))
  return isScalar(value) ? encoding.text(String(value)) : null
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
