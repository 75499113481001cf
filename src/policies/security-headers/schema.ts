import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { duration, headerNameText, headerValueText, list, object, oneOf, z } from '../../core/schema.ts'

const YEAR_MS = 31_536_000_000

const hsts = object({
  enabled: z.boolean().default(true).describe('Whether `Strict-Transport-Security` is sent.'),
  maxAge: duration({ min: 0, max: 2 * YEAR_MS })
    .prefault('8760h')
    .describe('How long browsers come back over HTTPS only; `0s` takes an earlier word back.'),
  includeSubDomains: z.boolean().default(false).describe('Whether it holds for all names below this one too.'),
  preload: z
    .boolean()
    .default(false)
    .describe('Whether browsers may ship with this name in their list: there is no quick way back from that.'),
  always: z
    .boolean()
    .default(false)
    .describe('Whether it is sent on plain HTTP too, for a proxy in front that has TLS and says so in no trusted header.'),
}).refine(({ preload, includeSubDomains, maxAge }) => !preload || (includeSubDomains && maxAge >= YEAR_MS), {
  path: ['preload'],
  error: 'the lists take a name only with `includeSubDomains: true` and a `maxAge` of `8760h` or more',
})

const removable = headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), {
  error: 'this header belongs to the connection or says where the message ends: only the gateway writes it',
})

export const schema = object({
  hsts: hsts.prefault({}).describe('`Strict-Transport-Security`, sent over HTTPS only (RFC 6797, 7.2).'),
  contentTypeOptions: oneOf(['nosniff', 'off'])
    .default('nosniff')
    .describe('`X-Content-Type-Options`: browsers take the media type as it is said.'),
  frameOptions: oneOf(['DENY', 'SAMEORIGIN', 'off']).default('DENY').describe('`X-Frame-Options`: who may show the answer in a frame.'),
  referrerPolicy: oneOf([
    'no-referrer',
    'no-referrer-when-downgrade',
    'origin',
    'origin-when-cross-origin',
    'same-origin',
    'strict-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
    'off',
  ])
    .default('no-referrer')
    .describe('`Referrer-Policy`: what other sites are told of where a visitor comes from.'),
  contentSecurityPolicy: headerValueText().min(1).optional().describe('`Content-Security-Policy`, as it is to be sent.'),
  permissionsPolicy: headerValueText().min(1).optional().describe('`Permissions-Policy`, as it is to be sent.'),
  crossOriginOpenerPolicy: oneOf(['same-origin', 'same-origin-allow-popups', 'noopener-allow-popups', 'unsafe-none', 'off'])
    .default('off')
    .describe('`Cross-Origin-Opener-Policy`: whether windows of other sites keep a handle on this one.'),
  crossOriginEmbedderPolicy: oneOf(['require-corp', 'credentialless', 'unsafe-none', 'off'])
    .default('off')
    .describe('`Cross-Origin-Embedder-Policy`: whether the page takes in only what agrees to it.'),
  crossOriginResourcePolicy: oneOf(['same-origin', 'same-site', 'cross-origin', 'off'])
    .default('off')
    .describe('`Cross-Origin-Resource-Policy`: which sites may embed the answer without asking.'),
  override: z.boolean().default(false).describe("Whether these take the place of a service's own; otherwise the service's stay."),
  remove: list(removable, { max: 100 })
    .default(['Server', 'X-Powered-By'])
    .describe('Headers of a service to remove: those that tell what it is made of.'),
})

export type SecurityHeadersOptions = z.output<typeof schema>
