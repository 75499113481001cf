import { normalisePath } from '../../core/path.ts'
import { compileRegex } from '../../core/regex.ts'
import { object, text, z } from '../../core/schema.ts'

/** A literal path prefix. */
function prefix() {
  return text({ max: 2_048 }).refine((path) => path.startsWith('/') && path !== '/' && normalisePath(path) === path, {
    error: 'expected a path in normal form, such as `/api`: it begins with one slash and has no `.` or `..` segments, `?` or `#`',
  })
}

const EITHER = [
  ['stripPrefix', 'stripMatched'],
  ['addPrefix', 'basePath'],
] as const

export const schema = object({
  stripPrefix: prefix().optional().describe('Leading segments to take off the path. A path that does not begin with them stays.'),
  stripMatched: z
    .boolean()
    .default(false)
    .describe(
      "Takes off what the route's own path has matched, in place of `stripPrefix`: the text before `/*`, the text that `~regex` matches, all of any other.",
    ),
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
    .describe('Replacement of the first match of a regular expression, after what is stripped.'),
  addPrefix: prefix().optional().describe('Segments to put before the path, after all else.'),
  basePath: text({ max: 2_048 })
    .refine((path) => path.startsWith('/') && normalisePath(path) === path, {
      error: 'expected a path in normal form, such as `/api` or `/`',
    })
    .optional()
    .describe(
      "Path of the service, in place of `addPrefix`: what is left is joined to it with one slash. Where nothing is left it stands alone, with a slash at its end if the request's path has one.",
    ),
  preserveHost: z
    .boolean()
    .default(false)
    .describe('Whether the service sees the Host that the client named, whatever the `host` of the service says.'),
  keepEmptyQuery: z.boolean().default(false).describe('Whether the question mark of an empty query (`/a?`) is sent on.'),
  forwardedPrefix: z
    .boolean()
    .default(false)
    .describe(
      'Whether `X-Forwarded-Prefix` tells the service what `stripMatched` has taken off, unless that is only `/`. What a trusted proxy said of it stays.',
    ),
})
  .refine((options) => Object.values(options).some((value) => value !== undefined && value !== false), {
    error: 'expected at least one option',
  })
  .superRefine((options, context) => {
    for (const [one, other] of EITHER) {
      if (!options[one] || !options[other]) continue
      context.addIssue({ code: 'custom', path: [other], message: `expected either \`${one}\` or \`${other}\`` })
    }
    if (options.forwardedPrefix && !options.stripMatched)
      context.addIssue({ code: 'custom', path: ['forwardedPrefix'], message: 'expected `stripMatched: true` beside it' })
  })

export type RewriteOptions = z.output<typeof schema>
