import { object, oneOf, text, type z } from '../../core/schema.ts'

export const schema = object({
  require: oneOf(['all', 'any'])
    .optional()
    .describe(
      'Whether every policy that authenticates has to find its credential, or one of them. Default: `all`; with `anonymous`, `any`.',
    ),
  anonymous: text({ max: 128 })
    .optional()
    .describe('Name of the consumer that a request without any credential is taken for. One with a wrong credential is refused.'),
}).superRefine(({ require, anonymous }, context) => {
  if (require !== 'all' || anonymous === undefined) return
  context.addIssue({ code: 'custom', path: ['require'], message: 'expected `any` beside `anonymous`: who needs none cannot need all' })
})

export type AuthenticationOptions = z.output<typeof schema>
