import { list, object, record, text, z } from '../../core/schema.ts'

const NAMES_MAX = 200

const name = () => text({ max: 256 })

/** RFC 6749, 3.3: what a scope may hold; it is written into a challenge between quotes. */
const scope = () =>
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/, { error: 'expected a scope: printable ASCII without blanks, `"` and `\\`' })

/** `{ any: […], all: […] }`, or a list alone for `any`. */
function anyAll<Item extends z.ZodType>(item: Item) {
  const names = () => list(item, { max: NAMES_MAX }).default([])
  const full = object({
    any: names().describe('One of these is enough.'),
    all: names().describe('All of these are needed.'),
  }).refine(({ any, all }) => any.length + all.length > 0, { error: 'expected at least one name in `any` or `all`' })
  return z.union([full, list(item, { min: 1, max: NAMES_MAX }).transform((any) => ({ any, all: [] as z.output<Item>[] }))])
}

function allowDeny() {
  const names = () => list(name(), { max: 1_000 }).default([])
  return object({
    allow: names().describe('Only these pass; empty for all.'),
    deny: names().describe('These do not pass, whatever else holds.'),
  }).refine(({ allow, deny }) => allow.length + deny.length > 0, { error: 'expected at least one name in `allow` or `deny`' })
}

const scalar = () => z.union([text({ min: 0, max: 1_024 }), z.number(), z.boolean()], { error: 'expected a text, a number or a boolean' })

const CONDITIONS = ['permission', 'permissions', 'roles', 'scopes', 'claims', 'groups', 'consumers'] as const

export const schema = object({
  permission: name().optional().describe('The permission a caller needs.'),
  permissions: anyAll(name()).optional().describe('Permissions a caller needs: `any` and `all`, or a list of which one is enough.'),
  roles: anyAll(name()).optional().describe('Roles a caller needs: `any` and `all`, or a list of which one is enough.'),
  scopes: anyAll(scope())
    .optional()
    .describe('Scopes the token needs, in its claim `scope` or `scp`: `any` and `all`, or a list of which one is enough.'),
  claims: record(name(), z.union([scalar(), list(scalar(), { min: 1, max: NAMES_MAX })]), { max: 50 })
    .refine((claims) => Object.keys(claims).length > 0, { error: 'expected at least one claim' })
    .optional()
    .describe(
      'Values by claim, of which a token needs one each. Dots or a JSON Pointer lead to nested claims; of a list, one item has to fit.',
    ),
  groups: allowDeny().optional().describe('Groups of consumers that pass or do not.'),
  consumers: allowDeny().optional().describe('Consumers that pass or do not.'),
  admin: z
    .union([z.literal(false), name()], { error: 'expected the name of a role, or `false`' })
    .default('admin')
    .describe('The role that needs no permission, role, scope or claim; `false` for none. `groups` and `consumers` hold for it too.'),
  challenge: z
    .union([z.literal(false), z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}( [\x20-\x7e]{1,256})?$/)], {
      error: 'expected a scheme and its parameters, `Bearer realm="api"` say, or `false`',
    })
    .default('Bearer')
    .describe('What `WWW-Authenticate` says to who is not known; `false` for nothing.'),
  rolesClaim: name().default('roles').describe('The claim with the roles, where no record of `users` is there.'),
  permissionsClaim: name().default('permissions').describe('The claim with the permissions, where no record of `users` is there.'),
}).refine((options) => CONDITIONS.some((condition) => options[condition] !== undefined), {
  error: `expected at least one of ${CONDITIONS.map((condition) => `\`${condition}\``).join(', ')}`,
})

export type AuthorizeOptions = z.output<typeof schema>
