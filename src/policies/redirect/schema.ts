import { object, text, z } from '../../core/schema.ts'
import { parseTarget } from './target.ts'

export const schema = object({
  to: text({ max: 2_048 })
    .superRefine((written, context) => {
      const target = parseTarget(written)
      if ('problem' in target) context.addIssue({ code: 'custom', message: target.problem })
    })
    .describe('Where to: a path or URL, with `{scheme}`, `{host}`, `{path}`, `{query}` and `{param.NAME}` filled in.'),
  status: z
    .literal([301, 302, 303, 307, 308], { error: 'expected 301, 302, 303, 307 or 308' })
    .default(308)
    .describe('Status of the answer. 307 and 308 keep the method and body, 301 and 308 may be remembered by clients.'),
  preserveQuery: z.boolean().default(true).describe('Whether the query of the request is appended, unless `to` has `{query}`.'),
  body: z
    .string()
    .max(8_192)
    .default('')
    .describe('A body for who does not follow, at most 8192 characters, sent as UTF-8 without a type.'),
})

export type RedirectOptions = z.output<typeof schema>
