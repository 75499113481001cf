import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, object, oneOf, z } from '../../core/schema.ts'

export const schema = object({
  header: headerNameText()
    .refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this header is the connection’s own and carries no id' })
    .default('X-Request-ID')
    .describe('Header that carries the id, to the service and in the response.'),
  trustClient: oneOf(['never', 'trusted-proxies', 'always'])
    .default('trusted-proxies')
    .describe('Whose id is kept: nobody’s, that of a trusted proxy, or anybody’s. An id that is not kept is replaced.'),
  format: oneOf(['uuid', 'hex']).default('uuid').describe('Form of the ids made here: a random UUID, or its 32 hexadecimal digits alone.'),
  respond: z.boolean().default(true).describe('Whether the response carries the id as well.'),
})

export type RequestIdOptions = z.output<typeof schema>
