import { list, object, oneOf, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { IDENTITY, PROXY_AUTHORIZATION_RULE, termsOf } from './authentication.ts'
import { filled, texts } from './config-schema.ts'

const ALGORITHMS = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const

const schema = object({
  hide_credentials: z.boolean().default(false),
  clock_skew: z.number().positive({ error: 'value must be greater than 0' }).default(300),
  anonymous: filled().optional(),
  validate_request_body: z.boolean().default(false),
  enforce_headers: texts().default([]),
  algorithms: list(oneOf(ALGORITHMS), { max: ALGORITHMS.length }).default([...ALGORITHMS]),
  realm: filled().optional(),
})

type Config = z.output<typeof schema>

/** The native form takes no more and no less. */
const SKEW_MS = { min: 1_000, max: 86_400_000 } as const

export const hmacAuth: KongPlugin<Config> = {
  name: 'hmac-auth',
  schema,
  noConsumer: true,
  rules: {
    'config.hide_credentials': PROXY_AUTHORIZATION_RULE,
    'config.clock_skew': { fidelity: 'approximated', reason: 'a signed date may be from one second to one day off' },
    'config.validate_request_body': {
      fidelity: 'approximated',
      reason:
        'bodies of up to 1 MiB are compared with `Digest`, larger ones are 413; Kong compares what fits in `client_body_buffer_size`, and refuses others with 401',
    },
    'config#strictness': {
      fidelity: 'approximated',
      reason: 'of a header that is sent several times all values are signed, joined by a comma and a blank; Kong takes the first alone',
    },
  },
  translate(config, around) {
    const { clock_skew: skew, validate_request_body: validateBody, enforce_headers: enforced, algorithms, realm } = config
    const skewMs = Math.min(Math.max(Math.round(skew * 1_000), SKEW_MS.min), SKEW_MS.max)
    if (skewMs !== skew * 1_000) around.note('config.clock_skew')
    if (validateBody) around.note('config.validate_request_body')
    if (algorithms.length === 0) around.error('expected at least one algorithm: nobody could pass', ['algorithms'])
    const options = {
      requiredHeaders: enforced.map((name, index) => nodeOf(name, around.locate(['enforce_headers', index]))),
      synonyms: false,
      trustUnsigned: true,
      skew: skewMs,
      algorithms: [...algorithms],
      forms: ['hmac'],
      validateBody: validateBody ? true : undefined,
      forward: !config.hide_credentials,
      proxyAuthorization: true,
      challenge: realm === undefined ? 'hmac' : `hmac realm="${realm}"`,
      ...termsOf(config.anonymous, around),
    }
    return { policies: [{ kind: 'hmac', options }, IDENTITY] }
  },
}
