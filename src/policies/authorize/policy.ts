import { ANONYMOUS, type Caller } from '../../core/caller.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { PolicyDefinition, Remark } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { type Condition, claimIs, groupsOf, hasAnyAll, hasOne, passes, permissionsOf, rolesOf, scopesOf } from './conditions.ts'
import type { AuthorizeOptions } from './schema.ts'

/** A condition, and what a caller is told for whom it does not hold. */
interface Check {
  readonly missing: Condition
  readonly refusal: Reply
}

const DENIED = refuse('permission_denied')
const CONSUMER_DENIED = refuse('consumer_denied')
/** The same of a caller without a credential who is taken for a consumer that belongs to no group. */
const STRANGER_DENIED = refuse('consumer_denied', null, [], undefined, 'stranger')

export const authorize: PolicyDefinition<AuthorizeOptions> = {
  kind: 'authorize',
  summary: 'Lets callers pass by permission, role, scope, claim, group or consumer; the others are refused with 403.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review(options, { authenticates, consumers, compatibility }) {
    const remarks: Remark[] = []
    if (!authenticates) {
      remarks.push({
        severity: (compatibility ?? null) === null ? 'error' : 'warning',
        path: [],
        message:
          'no policy that finds out who calls is in force here, so that nobody could ever pass: add `jwt`, `api-key`, `basic` or `hmac`',
      })
    }
    for (const list of ['allow', 'deny'] as const) {
      for (const [index, name] of (options.consumers?.[list] ?? []).entries()) {
        if (!consumers.has(name))
          remarks.push({
            severity: 'error',
            path: ['consumers', list, index],
            message: `there is no consumer \`${name}\`${didYouMean(name, consumers)}`,
          })
      }
    }
    return remarks
  },
  compile(options) {
    const always = consumerChecks(options)
    const unlessAdmin = callerChecks(options)
    const isAdmin = adminTest(options)
    const nobody = nobodyRefusal(options)
    return {
      onRequest({ caller, trace }) {
        if (!caller.isKnown) {
          trace?.note('nobody is known')
          return caller.refusal ?? nobody
        }
        for (const { missing, refusal } of always) {
          const why = missing(caller)
          if (why === null) continue
          trace?.note(why)
          return isGrouplessStranger(caller) ? STRANGER_DENIED : refusal
        }
        for (const { missing, refusal } of unlessAdmin) {
          const why = missing(caller)
          if (why === null) continue
          // Asked for last: most callers have what they need, and are no administrators.
          if (isAdmin(caller)) {
            trace?.note(`${why}, but the caller is ${options.admin}`)
            return undefined
          }
          trace?.note(why)
          return refusal
        }
        return undefined
      },
    }
  },
}

/** Not a 403: who is not known may try again with credentials. RFC 9110, 11.6.1 wants a challenge with it. */
function nobodyRefusal({ challenge }: AuthorizeOptions): Reply {
  return refuse('credentials_missing', null, challenge === false ? [] : [['WWW-Authenticate', challenge]], undefined, 'nobody')
}

function isGrouplessStranger({ method, consumer }: Caller): boolean {
  return method === ANONYMOUS && consumer?.groups.length === 0
}

function consumerChecks({ groups, consumers }: AuthorizeOptions): readonly Check[] {
  const checks: Check[] = []
  if (consumers !== undefined) {
    const nameOf = ({ consumer }: Caller): readonly string[] => (consumer === null ? [] : [consumer.name])
    checks.push({ missing: passes('consumer', consumers, nameOf), refusal: CONSUMER_DENIED })
  }
  if (groups !== undefined) checks.push({ missing: passes('group', groups, groupsOf), refusal: CONSUMER_DENIED })
  return checks
}

function callerChecks(options: AuthorizeOptions): readonly Check[] {
  const { permission, permissions, roles, scopes, claims = {} } = options
  const permissionsHad = permissionsOf(options.permissionsClaim)
  const conditions: Condition[] = []
  if (permission !== undefined) conditions.push(hasOne('permission', permission, permissionsHad))
  if (permissions !== undefined) conditions.push(hasAnyAll('permission', permissions, permissionsHad))
  if (roles !== undefined) conditions.push(hasAnyAll('role', roles, rolesOf(options.rolesClaim)))
  for (const [name, values] of Object.entries(claims)) conditions.push(claimIs(name, values))
  const checks = conditions.map((missing): Check => ({ missing, refusal: DENIED }))
  if (scopes !== undefined) checks.push({ missing: hasAnyAll('scope', scopes, scopesOf), refusal: scopeRefusal(scopes) })
  return checks
}

/** RFC 6750, 3 and 3.1: which scopes a token for this needs. The schema lets only characters into a scope that may stand here. */
function scopeRefusal({ any, all }: NonNullable<AuthorizeOptions['scopes']>): Reply {
  const scope = [...new Set([...all, ...any])].join(' ')
  return refuse('permission_denied', null, [['WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`]])
}

function adminTest({ admin, rolesClaim }: AuthorizeOptions): (caller: Caller) => boolean {
  if (admin === false) return () => false
  const rolesHad = rolesOf(rolesClaim)
  return (caller) => rolesHad(caller).includes(admin)
}
