/** What `authorize` asks of a caller, compiled to functions that say what is missing. */
import type { Caller } from '../../core/caller.ts'
import { claimReader, textsOf } from '../../core/claims.ts'
import type { AuthorizeOptions } from './schema.ts'

/** Null when it holds, else what is missing, for the trace. */
export type Condition = (caller: Caller) => string | null

/** Gives texts that a caller has: roles, permissions, scopes. */
export type TextsOf = (caller: Caller) => readonly string[]

type AnyAll = NonNullable<AuthorizeOptions['roles']>
type AllowDeny = NonNullable<AuthorizeOptions['groups']>
type Scalar = string | number | boolean

const NOTHING: readonly string[] = []

/** The record of the `users` policy has the word, and stands in for the token's claims altogether. */
export function rolesOf(claim: string): TextsOf {
  const read = claimReader(claim)
  return ({ user, claims }) => (user !== null ? user.roles : claims === null ? NOTHING : textsOf(read(claims)))
}

export function permissionsOf(claim: string): TextsOf {
  const read = claimReader(claim)
  return ({ user, claims }) => (user !== null ? user.permissions : claims === null ? NOTHING : textsOf(read(claims)))
}

/** RFC 8693, 4.2: `scope` is one text with blanks between; some issuers write a list, or call it `scp`. */
export function scopesOf({ claims }: Caller): readonly string[] {
  if (claims === null) return NOTHING
  const scope = Object.hasOwn(claims, 'scope') ? claims['scope'] : Object.hasOwn(claims, 'scp') ? claims['scp'] : undefined
  return typeof scope === 'string' ? scope.split(' ') : textsOf(scope)
}

/** The caller has that one text. */
export function hasOne(what: string, wanted: string, textsOfCaller: TextsOf): Condition {
  const missing = `the ${what} ${wanted} is missing`
  return (caller) => (textsOfCaller(caller).includes(wanted) ? null : missing)
}

/** The caller has one of `any`, and `all`. */
export function hasAnyAll(what: string, { any, all }: AnyAll, textsOfCaller: TextsOf): Condition {
  const noneOfAny = `none of the ${what}s ${any.join(', ')} is there`
  return (caller) => {
    const texts = textsOfCaller(caller)
    const missing = all.find((wanted) => !texts.includes(wanted))
    if (missing !== undefined) return `the ${what} ${missing} is missing`
    return any.length === 0 || any.some((wanted) => texts.includes(wanted)) ? null : noneOfAny
  }
}

/** The claim is one of the values, or a list with one of them in it. */
export function claimIs(name: string, values: Scalar | readonly Scalar[]): Condition {
  const read = claimReader(name)
  const wanted = new Set<unknown>(Array.isArray(values) ? values : [values])
  return ({ claims }) => {
    const value = claims === null ? undefined : read(claims)
    if (Array.isArray(value) ? value.some((item) => wanted.has(item)) : wanted.has(value)) return null
    return value === undefined ? `the claim ${name} is missing` : `the claim ${name} has another value`
  }
}

/** A consumer, or one of its groups, is allowed and none is denied. Without a consumer there is nothing that `allow` could name. */
export function passes(what: string, { allow, deny }: AllowDeny, namesOf: TextsOf): Condition {
  const allowed = new Set(allow)
  const denied = new Set(deny)
  return (caller) => {
    const names = namesOf(caller)
    const hit = names.find((name) => denied.has(name))
    if (hit !== undefined) return `the ${what} ${hit} is denied`
    return allowed.size === 0 || names.some((name) => allowed.has(name)) ? null : `no ${what} of the caller is allowed`
  }
}

export function groupsOf({ consumer }: Caller): readonly string[] {
  return consumer === null ? NOTHING : consumer.groups
}
