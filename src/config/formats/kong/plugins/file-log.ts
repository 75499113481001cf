import { object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled } from './config-schema.ts'
import { constantFields, customFields, LOG_RULES } from './log-output.ts'

const schema = object({
  path: filled().regex(/^[^*&%\\`]+$/, { error: 'not a valid filename' }),
  reopen: z.boolean().default(false),
  custom_fields_by_lua: customFields(),
})

type Config = z.output<typeof schema>

export const fileLog: KongPlugin<Config> = {
  name: 'file-log',
  schema,
  rules: {
    ...LOG_RULES,
    'config.reopen': {
      fidelity: 'approximated',
      reason: 'the file is opened anew each second that something is written, and not for each record',
    },
  },
  translate({ path, reopen, custom_fields_by_lua: fields }, around) {
    around.note('config')
    if (reopen) around.note('config.reopen', ['reopen'])
    const options = { file: nodeOf(path, around.locate(['path'])), reopen, set: constantFields(fields, around) }
    return { policies: [{ kind: 'kong-log', options }] }
  },
}
