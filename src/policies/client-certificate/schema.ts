import { distinguishedName, list, object, oneOf, z } from '../../core/schema.ts'

export const schema = object({
  consumers: z.boolean().default(true).describe('Whether a certificate has to be that of a consumer (`certificates`).'),
  allowUnknown: z
    .boolean()
    .default(false)
    .describe("With `consumers`: whether a good certificate that is no consumer's passes too, without a consumer."),
  user: oneOf(['none', 'common-name', 'san-uri', 'san-email'])
    .default('none')
    .describe('What of the certificate names the user. One that has none of it, or several, is refused.'),
  issuers: list(distinguishedName(), { min: 1, max: 100 })
    .optional()
    .describe('Names of the CAs whose certificates are accepted here, as RFC 4514 writes them. Default: all CAs of the listener.'),
  forward: z.boolean().default(false).describe('Whether the service gets the certificate, in `Client-Cert` (RFC 9440).'),
}).superRefine(({ consumers, allowUnknown }, context) => {
  if (!consumers && allowUnknown)
    context.addIssue({ code: 'custom', path: ['allowUnknown'], message: 'without `consumers` every good certificate passes anyway' })
})

export type ClientCertificateOptions = z.output<typeof schema>
