import { object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { groupsPolicy } from './authentication.ts'
import { texts } from './config-schema.ts'

const schema = object({
  allow: texts().default([]),
  deny: texts().default([]),
  hide_groups_header: z.boolean().default(false),
  always_use_authenticated_groups: z.boolean().default(false),
}).superRefine(({ allow, deny }, context) => {
  const fields = "'config.allow', 'config.deny'"
  if (allow.length + deny.length === 0)
    context.addIssue({ code: 'custom', message: `at least one of these fields must be non-empty: ${fields}` })
  if (allow.length > 0 && deny.length > 0)
    context.addIssue({ code: 'custom', message: `only one of these fields must be non-empty: ${fields}` })
})

type Config = z.output<typeof schema>

export const acl: KongPlugin<Config> = {
  name: 'acl',
  schema,
  noConsumer: true,
  rules: {
    'config.hide_groups_header': {
      fidelity: 'approximated',
      reason: '`X-Consumer-Groups` that a client sends is taken out; Kong lets it through to the service',
    },
    'config.always_use_authenticated_groups': {
      fidelity: 'approximated',
      reason:
        'no plugin that is carried over finds out groups of its own, so that those of the consumer are used, as in Kong where there are none',
    },
  },
  translate({ allow, deny, hide_groups_header: hides, always_use_authenticated_groups: always }, around) {
    if (hides) around.note('config.hide_groups_header')
    if (always) around.note('config.always_use_authenticated_groups')
    const [key, names] = allow.length > 0 ? (['allow', allow] as const) : (['deny', deny] as const)
    const groups = { [key]: names.map((name, index) => nodeOf(name, around.locate([key, index]))) }
    return { policies: [{ kind: 'authorize', options: { groups, challenge: false } }, groupsPolicy(hides)] }
  },
}
