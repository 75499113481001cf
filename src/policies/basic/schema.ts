import { challenge, termsOptions } from '../../core/authentication-options.ts'
import { duration, object, z } from '../../core/schema.ts'

export const schema = object({
  forward: z.boolean().default(false).describe('Whether the service gets name and password too.'),
  cacheTtl: duration({ max: 3_600_000 })
    .prefault('60s')
    .describe('How long a password that was right is known to be, without hashing it again; `0` for not at all.'),
  proxyAuthorization: z
    .boolean()
    .default(false)
    .describe('Whether `Proxy-Authorization` is looked at too, before `Authorization`. Services never get it.'),
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, { error: 'expected 1 to 128 printable ASCII characters, none of them `"` or `\\`' })
    .default('api')
    .describe('The `realm` of `WWW-Authenticate`, which browsers show.'),
  challenge: challenge(),
  ...termsOptions,
})

export type BasicOptions = z.output<typeof schema>
