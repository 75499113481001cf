import { byteSize, integer, object, secret } from '../core/schema.ts'

/** Decision records. */
export const decisions = object({
  records: integer({ min: 1, max: 1_000_000 }).default(5_000).describe('Records that each worker keeps: of its newest requests.'),
  memoryMax: byteSize({ min: 65_536, max: 2 ** 34 })
    .prefault('16MiB')
    .describe('Bytes of records that each worker keeps; beyond them the oldest go.'),
  debugSecret: secret()
    .min(16, { error: 'expected at least 16 characters' })
    .meta({ secret: true })
    .optional()
    .describe(
      'Key of signed `Turnpike-Debug` headers, whose requests are answered with their decision record in `Turnpike-Decision`. Default: nobody gets one.',
    ),
})
