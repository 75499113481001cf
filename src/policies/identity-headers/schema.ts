import { headerName } from '../../core/header-names.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, list, object, oneOf, record, text, z } from '../../core/schema.ts'
import { CLEARED, foldedNames } from './names.ts'

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
  consumerId: optionalHeader().describe('Header for the `id` of the consumer.'),
  labels: record(text({ max: 128 }), identityName(), { max: CLAIMS_MAX })
    .default({})
    .describe("Headers for the consumer's `labels`, by label."),
  groups: header('X-Consumer-Groups').describe("Header for the consumer's groups, with commas between."),
  credential: header('X-Credential-ID').describe("Header for the id of the consumer's credential."),
  credentialName: optionalHeader().describe(
    'Header for what a request calls the credential: the name to log in with, the id of a key; where it has no name, its id.',
  ),
  anonymous: optionalHeader().describe('Header that says `true` where a caller without a valid credential is taken for a consumer.'),
  method: header('X-Auth-Method').describe('Header for the kinds of the policies that verified a credential, with commas between.'),
  roles: optionalHeader().describe(
    "Header for the user's roles, with commas between: of the record of `users`, else of the claim `roles`.",
  ),
  permissions: optionalHeader().describe("Header for the user's permissions, in the same way."),
  claims: record(text({ max: 256 }), identityName(), { max: CLAIMS_MAX })
    .default({})
    .describe('Headers for claims of the token, by claim. Dots or a JSON Pointer lead to nested claims.'),
  separator: oneOf([',', ', ']).default(',').describe('What stands between the items of a list.'),
  encoding: oneOf(['percent', 'utf-8'])
    .default('percent')
    .describe(
      'How values are written: `percent` encodes all but printable ASCII, and commas in lists, so that no two texts look the same; `utf-8` writes their bytes as they are.',
    ),
  cleared: list(headerNameText(), { max: 100 })
    .default([...CLEARED])
    .describe('What no client may send, beside the headers that are written here.'),
}).superRefine((options, context) => {
  const folded = foldedNames(options)
  if (new Set(folded).size < folded.length) context.addIssue({ code: 'custom', message: 'two of these headers would have the same name' })
})

export type IdentityHeadersOptions = z.output<typeof schema>
