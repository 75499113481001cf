import { object, z } from '../../core/schema.ts'

export const schema = object({
  standard: z.boolean().default(false).describe('Whether the `Forwarded` header of RFC 7239 is written as well.'),
  appendUntrusted: z
    .boolean()
    .default(false)
    .describe(
      'Whether the address of a client that is not trusted is put behind what it says in `X-Forwarded-For`, in place of it. Whatever stands before the last one may then be a lie.',
    ),
  hostPort: z.boolean().default(true).describe('Whether `X-Forwarded-Host` has the port that the client named.'),
  completePort: z
    .boolean()
    .default(false)
    .describe(
      "Whether `X-Forwarded-Port` is the listener's where a trusted proxy tells host or scheme, but no port. Default: then there is none.",
    ),
  path: z
    .boolean()
    .default(false)
    .describe(
      'Whether `X-Forwarded-Path` tells the path that the client asked for, without its query. What a trusted proxy said of it stays.',
    ),
  realIp: z.boolean().default(false).describe("Whether `X-Real-IP` tells the client's true address."),
})

export type ForwardedHeadersOptions = z.output<typeof schema>
