import { duration, headerNameText, list, object, text, z } from '../../core/schema.ts'
import { parseOriginRule } from './origin.ts'

const originRule = text({ max: 1_025 }).superRefine((written, context) => {
  const rule = parseOriginRule(written)
  if ('problem' in rule) context.addIssue({ code: 'custom', message: rule.problem })
})

const method = z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, { error: 'expected a method in capitals, such as `GET`' })

/** Names of headers, or the star alone. */
function names() {
  return list(headerNameText(), { max: 100 }).refine((written) => !written.includes('*') || written.length === 1, {
    error: '`*` stands for all names: leave the others out',
  })
}

export const schema = object({
  origins: list(originRule, { min: 1 }).describe(
    'Origins whose scripts may read responses: `https://app.example.com`, `https://*.example.com` (one label), `~regex` (the whole origin), `null`, or `*` for all.',
  ),
  methods: list(method, { min: 1, max: 50 })
    .default(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
    .describe('Methods that scripts may use. `GET`, `HEAD` and `POST` always may.'),
  headers: names()
    .default(['Authorization', 'Content-Type'])
    .describe('Request headers that scripts may set; `[*]` for whichever they ask for.'),
  exposedHeaders: names()
    .default([])
    .describe('Response headers that scripts may read beside the few that they always may; `[*]` for all.'),
  credentials: z
    .boolean()
    .default(false)
    .describe("Whether scripts may send the browser's cookies and client certificates, and read the answer."),
  maxAge: duration({ min: 0, max: 86_400_000 })
    .prefault('10m')
    .describe('How long browsers may remember the answer to a preflight. They cap it themselves.'),
  preflightContinue: z
    .boolean()
    .default(false)
    .describe('Whether preflights go on to the service, which then answers them itself; its route must take `OPTIONS`.'),
}).superRefine(({ origins, credentials, exposedHeaders }, context) => {
  if (!credentials) return
  const star = origins.indexOf('*')
  if (star !== -1) {
    context.addIssue({
      code: 'custom',
      path: ['origins', star],
      message: '`*` with `credentials`: every site could read what its visitors may read here. Name the origins; browsers refuse this too',
    })
  }
  if (exposedHeaders.includes('*')) {
    context.addIssue({
      code: 'custom',
      path: ['exposedHeaders'],
      message: '`*` has no meaning beside `credentials` (Fetch, 3.3.3): name the headers',
    })
  }
})

export type CorsOptions = z.output<typeof schema>
