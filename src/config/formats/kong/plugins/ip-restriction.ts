import { list, object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled } from './config-schema.ts'

const addresses = () => list(filled(), { max: 10_000 }).optional()

const schema = object({
  allow: addresses(),
  deny: addresses(),
  status: z.number().optional(),
  message: filled().optional(),
}).superRefine(({ allow = [], deny = [] }, context) => {
  if (allow.length + deny.length > 0) return
  context.addIssue({ code: 'custom', message: "at least one of these fields must be non-empty: 'config.allow', 'config.deny'" })
})

type Config = z.output<typeof schema>

export const ipRestriction: KongPlugin<Config> = {
  name: 'ip-restriction',
  schema,
  rules: {},
  translate({ allow = [], deny = [], status, message = 'IP address not allowed: {address}' }, around) {
    const placed = (key: 'allow' | 'deny', texts: readonly string[]) =>
      texts.length === 0 ? undefined : texts.map((text, i) => nodeOf(text, around.locate([key, i])))
    const options = { allow: placed('allow', allow), deny: placed('deny', deny), status, message }
    return { policies: [{ kind: 'ip-access', options }] }
  },
}
