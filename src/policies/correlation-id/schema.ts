import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, object, oneOf, z } from '../../core/schema.ts'

export const schema = object({
  header: headerNameText()
    .refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this header is the connection’s own and carries no id' })
    .default('X-Correlation-ID')
    .describe('Header that carries the id.'),
  format: oneOf(['uuid', 'uuid-counter', 'origin'])
    .default('uuid')
    .describe(
      'Form of the ids made here: a random UUID; a UUID of this worker and a number, `…#17`; or what tells where it was made, `127.0.0.1-8000-4711-3-17-1790000000.123`.',
    ),
  respond: z.boolean().default(false).describe('Whether the response carries the id as well.'),
})

export type CorrelationIdOptions = z.output<typeof schema>
