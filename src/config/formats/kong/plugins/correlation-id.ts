import { object, oneOf, z } from '../../../../core/schema.ts'
import type { KongPlugin } from '../types.ts'
import { headerName } from './config-schema.ts'

const FORMATS = { uuid: 'uuid', 'uuid#counter': 'uuid-counter', tracker: 'origin' } as const

const schema = object({
  header_name: headerName().default('Kong-Request-ID'),
  generator: oneOf(['uuid', 'uuid#counter', 'tracker']).default('uuid#counter'),
  echo_downstream: z.boolean().default(false),
})

type Config = z.output<typeof schema>

export const correlationId: KongPlugin<Config> = {
  name: 'correlation-id',
  schema,
  rules: {
    'config.generator#tracker': {
      fidelity: 'approximated',
      reason:
        'an id of `tracker` has the host that was asked for in place of the address of the server, and its numbers count heads and requests of a worker',
    },
  },
  translate({ header_name: header, generator, echo_downstream: respond }, around) {
    if (generator === 'tracker') around.note('config.generator#tracker', ['generator'])
    return { policies: [{ kind: 'correlation-id', options: { header, format: FORMATS[generator], respond } }] }
  },
}
