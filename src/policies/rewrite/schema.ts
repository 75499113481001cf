import { normalisePath } from '../../core/path.ts'
import { compileRegex } from '../../core/regex.ts'
import { object, text, z } from '../../core/schema.ts'

/** A literal path prefix, without its trailing slash. */
function prefix() {
  return text({ max: 2_048 }).refine((path) => path.startsWith('/') && path !== '/' && normalisePath(path) === path, {
    error: 'expected a path in normal form, such as `/api`: it begins with one slash and has no `.` or `..` segments, `?` or `#`',
  })
}

export const schema = object({
  stripPrefix: prefix().optional().describe('Leading segments to take off the path. A path that does not begin with them stays.'),
  path: object({
    match: text({ max: 1_024 })
      .superRefine((source, context) => {
        const regex = compileRegex(source, 'none')
        if ('problem' in regex) context.addIssue({ code: 'custom', message: regex.problem })
      })
      .describe('Regular expression (RE2 syntax) to look for; anchor it with `^`. A path without a match stays.'),
    replace: z
      .string()
      .max(2_048)
      .regex(/^[\x21-\x7e]*$/, { error: 'expected printable ASCII without blanks' })
      .regex(/^[^?#\\]*$/, { error: 'expected a path: no `?`, `#` or `\\`' })
      .describe('What takes the place of the match: `$1` or `$<name>` for a group, `$$` for a dollar sign.'),
  })
    .optional()
    .describe('Replacement of the first match of a regular expression, after `stripPrefix`.'),
  addPrefix: prefix().optional().describe('Segments to put before the path, after all else.'),
}).refine(({ stripPrefix, path, addPrefix }) => stripPrefix !== undefined || path !== undefined || addPrefix !== undefined, {
  error: 'expected at least one of `stripPrefix`, `path` and `addPrefix`',
})

export type RewriteOptions = z.output<typeof schema>
