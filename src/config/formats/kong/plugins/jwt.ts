import { list, object, oneOf, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, PluginSurroundings, Written } from '../types.ts'
import { IDENTITY, termsOf } from './authentication.ts'
import { filled, headerName, texts } from './config-schema.ts'

const schema = object({
  uri_param_names: texts().default(['jwt']),
  cookie_names: texts().default([]),
  header_names: list(headerName(), { max: 1_000 }).default(['authorization']),
  key_claim_name: filled().default('iss'),
  secret_is_base64: z.boolean().default(false),
  claims_to_verify: list(oneOf(['exp', 'nbf']), { max: 2 }).default([]),
  anonymous: filled().optional(),
  run_on_preflight: z.boolean().default(true),
  maximum_expiration: z.number().min(0).max(31_536_000).default(0),
  realm: filled().optional(),
}).superRefine(({ maximum_expiration: maximum, claims_to_verify: claims }, context) => {
  if (maximum === 0 || claims.includes('exp')) return
  const message = "expected to contain: exp, since 'config.maximum_expiration' is given"
  context.addIssue({ code: 'custom', path: ['claims_to_verify'], message })
})

type Config = z.output<typeof schema>

export const jwt: KongPlugin<Config> = {
  name: 'jwt',
  schema,
  noConsumer: true,
  rules: {
    'config#strictness': {
      fidelity: 'approximated',
      reason:
        'a token that two readers could understand differently is refused with 401 where Kong takes it: one that stands twice in one place, names a member twice, or asks for extensions (`crit`); `Bearer` may be written in any case',
    },
    'config.run_on_preflight': {
      fidelity: 'approximated',
      reason: 'headers such as `X-Consumer-ID` that a client sends with OPTIONS are taken out; Kong lets them through to the service',
    },
  },
  translate(config, around) {
    const { claims_to_verify: claims, maximum_expiration: maximum, realm } = config
    if (!config.run_on_preflight) around.note('config.run_on_preflight')
    const from = placesOf(config, around)
    if (from.length === 0)
      around.error('expected at least one name in `uri_param_names`, `cookie_names` or `header_names`: nobody could pass')
    const options = {
      consumers: true,
      keyClaim: config.key_claim_name,
      secretEncoding: config.secret_is_base64 ? 'base64' : undefined,
      from,
      requireExpiry: claims.includes('exp'),
      required: claims.includes('nbf') ? ['nbf'] : undefined,
      ignore: [...(['exp', 'nbf'] as const).filter((claim) => !claims.includes(claim)), 'iat'],
      maxRemaining: maximum === 0 ? undefined : Math.round(maximum * 1_000),
      tokenBytesMax: '64KiB',
      challenge: realm === undefined ? 'Bearer' : `Bearer realm="${realm}"`,
      onOptions: config.run_on_preflight ? undefined : false,
      ...termsOf(config.anonymous, around),
    }
    return { policies: [{ kind: 'jwt', options }, IDENTITY] }
  },
}

function placesOf(
  { uri_param_names: queries, cookie_names: cookies, header_names: headers }: Config,
  { locate }: PluginSurroundings,
): Written[] {
  const placed = (key: string, names: readonly string[], formOf: (name: string) => string): Written[] =>
    names.map((name, index) => nodeOf(formOf(name), locate([key, index])))
  return [
    ...placed('uri_param_names', queries, (name) => `query:${name}`),
    ...placed('cookie_names', cookies, (name) => `cookie:${name}`),
    ...placed('header_names', headers, (name) => (name.toLowerCase() === 'authorization' ? 'header' : `bearer:${name}`)),
  ]
}
