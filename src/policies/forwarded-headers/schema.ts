import { object, z } from '../../core/schema.ts'

export const schema = object({
  standard: z.boolean().default(false).describe('Whether the `Forwarded` header of RFC 7239 is written as well.'),
})

export type ForwardedHeadersOptions = z.output<typeof schema>
