import { compileRegex } from '../../../../core/regex.ts'
import { list, object, type z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled } from './config-schema.ts'

function patterns() {
  const pattern = filled().superRefine((written, context) => {
    const regex = compileRegex(written, 'none')
    if ('problem' in regex) context.addIssue({ code: 'custom', message: `not a valid regex: ${regex.problem}` })
  })
  return list(pattern, { max: 200 }).default([])
}

const schema = object({ allow: patterns(), deny: patterns() })

type Config = z.output<typeof schema>

export const botDetection: KongPlugin<Config> = {
  name: 'bot-detection',
  schema,
  noConsumer: true,
  rules: {
    config: {
      fidelity: 'approximated',
      reason:
        'the built-in list of crawlers and libraries is not the same, word for word: what matters to you belongs in `deny` or `allow`',
    },
  },
  translate({ allow, deny }, around) {
    around.note('config')
    const placed = (key: 'allow' | 'deny', texts: readonly string[]) => texts.map((text, i) => nodeOf(text, around.locate([key, i])))
    return { policies: [{ kind: 'user-agent', options: { allow: placed('allow', allow), deny: placed('deny', deny) } }] }
  },
}
