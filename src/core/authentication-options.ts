/** Options that policies which authenticate have in common. */
import { text, z } from './schema.ts'

/** For the schema of a policy; see `authentication-terms.ts`. */
export const termsOptions = {
  anonymous: text({ max: 128 })
    .optional()
    .describe(
      'Name of the consumer that a caller without a valid credential is taken for, in place of being refused. Where another policy has verified a credential before, this one then does not look. A wrong credential counts as none: see also `authentication`, which refuses those.',
    ),
  replaces: z
    .boolean()
    .default(false)
    .describe('Whether its consumer takes the place of another that a policy before has found. By default two that differ are refused.'),
}

export function challenge() {
  return z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}( [\x20-\x7e]{1,256})?$/, {
      error: 'expected a scheme, and parameters behind it: `Key realm="api"`',
    })
    .optional()
    .describe('What `WWW-Authenticate` says, in place of what follows from `realm`.')
}

export function onOptions() {
  return z.boolean().default(true).describe('Whether requests with the method OPTIONS need a credential too.')
}
