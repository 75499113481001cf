import { headerName } from '../../core/header-names.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, object, record, text, z } from '../../core/schema.ts'
import { foldedNames } from './names.ts'

const CLAIMS_MAX = 50

/** A name that means nothing to the gateway itself: one that does is written by whom it belongs to. */
function identityName() {
  return headerNameText().refine((name) => headerName(name).id === 0 && !MANAGED_FIELDS.has(name.toLowerCase()), {
    error: 'this header has a meaning of its own: choose a name that says who calls, such as `X-User-ID`',
  })
}

function header(name: string) {
  return z.union([z.literal(false), identityName()], { error: 'expected the name of a header, or `false`' }).default(name)
}

function optionalHeader() {
  return z.union([z.literal(false), identityName()], { error: 'expected the name of a header, or `false`' }).default(false)
}

export const schema = object({
  subject: header('X-User-ID').describe('Header for the name of the user.'),
  consumer: header('X-Consumer-Name').describe('Header for the name of the consumer.'),
  groups: header('X-Consumer-Groups').describe("Header for the consumer's groups, with commas between."),
  credential: header('X-Credential-ID').describe("Header for the id of the consumer's credential."),
  method: header('X-Auth-Method').describe('Header for the kinds of the policies that verified a credential, with commas between.'),
  roles: optionalHeader().describe(
    "Header for the user's roles, with commas between: of the record of `users`, else of the claim `roles`.",
  ),
  permissions: optionalHeader().describe("Header for the user's permissions, in the same way."),
  claims: record(text({ max: 256 }), identityName(), { max: CLAIMS_MAX })
    .default({})
    .describe('Headers for claims of the token, by claim. Dots or a JSON Pointer lead to nested claims.'),
}).superRefine((options, context) => {
  const folded = foldedNames(options)
  if (new Set(folded).size < folded.length) context.addIssue({ code: 'custom', message: 'two of these headers would have the same name' })
})

export type IdentityHeadersOptions = z.output<typeof schema>
