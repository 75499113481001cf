import { byteSize, object, z } from '../../core/schema.ts'

export const schema = object({
  bodyMax: byteSize().describe('Largest request body; more is 413. 0 allows none.'),
  headerBytesMax: byteSize({ min: 1 })
    .optional()
    .describe(
      'Largest block of request headers, names and values with their separators; more is 431. The limit of the listener holds besides.',
    ),
  requireLength: z
    .boolean()
    .default(false)
    .describe(
      'Whether requests must have a `Content-Length`, unless their body comes in chunks; others are 411, those without a body too.',
    ),
})

export type RequestSizeOptions = z.output<typeof schema>
