import { object, z } from '../../../../core/schema.ts'
import type { KongPlugin } from '../types.ts'
import { IDENTITY, PROXY_AUTHORIZATION_RULE, termsOf } from './authentication.ts'
import { filled } from './config-schema.ts'

const schema = object({
  anonymous: filled().optional(),
  hide_credentials: z.boolean().default(false),
  realm: filled().default('service'),
})

type Config = z.output<typeof schema>

export const basicAuth: KongPlugin<Config> = {
  name: 'basic-auth',
  schema,
  noConsumer: true,
  rules: {
    'config.hide_credentials': PROXY_AUTHORIZATION_RULE,
    'config#strictness': {
      fidelity: 'approximated',
      reason:
        'name and password have to be UTF-8 in faultless base64, in one field only; Kong takes other bytes, and the first of several fields',
    },
  },
  translate({ anonymous, hide_credentials: hides, realm }, around) {
    const options = {
      forward: !hides,
      proxyAuthorization: true,
      challenge: `Basic realm="${realm}"`,
      ...termsOf(anonymous, around),
    }
    return { policies: [{ kind: 'basic', options }, IDENTITY] }
  },
}
