import { object, oneOf, z } from '../../../../core/schema.ts'
import type { KongPlugin } from '../types.ts'

const UNIT_BYTES = { megabytes: 2 ** 20, kilobytes: 2 ** 10, bytes: 1 }

const schema = object({
  allowed_payload_size: z
    .int()
    .min(0)
    .max(2 ** 20)
    .default(128),
  size_unit: oneOf(['megabytes', 'kilobytes', 'bytes']).default('megabytes'),
  require_content_length: z.boolean().default(false),
})

type Config = z.output<typeof schema>

export const requestSizeLimiting: KongPlugin<Config> = {
  name: 'request-size-limiting',
  schema,
  rules: {
    'config.allowed_payload_size': {
      fidelity: 'approximated',
      reason: 'a chunked body streams to the service and is cut off, with 413, once it is too large; Kong holds all of it back first',
    },
  },
  translate({ allowed_payload_size: size, size_unit: unit, require_content_length: requireLength }, around) {
    around.note('config.allowed_payload_size', ['allowed_payload_size'])
    return { policies: [{ kind: 'request-size', options: { bodyMax: size * UNIT_BYTES[unit], requireLength } }] }
  },
}
