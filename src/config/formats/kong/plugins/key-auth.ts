import { list, object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, Written } from '../types.ts'
import { IDENTITY, termsOf } from './authentication.ts'
import { filled, headerName } from './config-schema.ts'

const schema = object({
  key_names: list(headerName(), { max: 1_000 }).default(['apikey']),
  hide_credentials: z.boolean().default(false),
  anonymous: filled().optional(),
  key_in_header: z.boolean().default(true),
  key_in_query: z.boolean().default(true),
  key_in_body: z.boolean().default(false),
  run_on_preflight: z.boolean().default(true),
  realm: filled().optional(),
})

type Config = z.output<typeof schema>

export const keyAuth: KongPlugin<Config> = {
  name: 'key-auth',
  schema,
  noConsumer: true,
  rules: {
    'config.key_in_body': {
      fidelity: 'approximated',
      reason:
        'keys are looked for in bodies of up to 1 MiB; Kong looks in those that fit in `client_body_buffer_size`. With `hide_credentials` the rest of a JSON body keeps its numbers and the order of its members',
    },
    'config.run_on_preflight': {
      fidelity: 'approximated',
      reason: 'headers such as `X-Consumer-ID` that a client sends with OPTIONS are taken out; Kong lets them through to the service',
    },
  },
  translate(config, around) {
    const { key_names: names, realm } = config
    if (!config.run_on_preflight) around.note('config.run_on_preflight')
    if (config.key_in_body) around.note('config.key_in_body')
    const from = names.flatMap((name, index): Written[] =>
      placesOf(name, config).map((place) => nodeOf(place, around.locate(['key_names', index]))),
    )
    if (from.length === 0) around.error('expected a name in `key_names`, and a place where a key may stand: nobody could pass')
    const options = {
      from,
      select: 'first',
      scheme: false,
      forward: !config.hide_credentials,
      challenge: realm === undefined ? 'Key' : `Key realm="${realm}"`,
      onOptions: config.run_on_preflight ? undefined : false,
      ...termsOf(config.anonymous, around),
    }
    return { policies: [{ kind: 'api-key', options }, IDENTITY] }
  },
}

/** In the order in which Kong looks. It finds a header whose name is written with `-` also by the name with `_`. */
function placesOf(name: string, { key_in_header: inHeader, key_in_query: inQuery, key_in_body: inBody }: Config): readonly string[] {
  const headers = [...new Set([name, name.replaceAll('_', '-')])].map((header) => `header:${header}`)
  return [...(inHeader ? headers : []), ...(inQuery ? [`query:${name}`] : []), ...(inBody ? [`body:${name}`] : [])]
}
