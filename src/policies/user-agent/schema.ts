import { compileRegex } from '../../core/regex.ts'
import { list, object, text, z } from '../../core/schema.ts'

function patterns() {
  const pattern = text({ max: 1_024 }).superRefine((written, context) => {
    const regex = compileRegex(written, 'none')
    if ('problem' in regex) context.addIssue({ code: 'custom', message: regex.problem })
  })
  return list(pattern, { max: 200 }).default([])
}

export const schema = object({
  allow: patterns().describe('Regular expressions, found anywhere in `User-Agent`, of those that pass whatever else is said here.'),
  deny: patterns().describe('Regular expressions of those that are refused.'),
  bots: z
    .boolean()
    .default(true)
    .describe(
      'Whether programs are refused that are known for crawling, or as libraries that scripts use; `false` for those in `deny` alone.',
    ),
})

export type UserAgentOptions = z.output<typeof schema>
