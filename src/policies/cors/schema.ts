import { duration, headerNameText, list, object, text, z } from '../../core/schema.ts'
import { parseLenientRule } from './lenient.ts'
import { parseOriginRule } from './origin.ts'

/** What a day has, ten years over: browsers cap it themselves. */
const MAX_AGE_MS = 3_660 * 86_400_000

const method = z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, { error: 'expected a method in capitals, such as `GET`' })

/** Names of headers, or the star alone. */
function names() {
  return list(headerNameText(), { max: 100 }).refine((written) => !written.includes('*') || written.length === 1, {
    error: '`*` stands for all names: leave the others out',
  })
}

export const schema = object({
  origins: list(text({ max: 1_025 }), { min: 1 }).describe(
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
  maxAge: z
    .union([z.literal(false, { error: 'expected a duration or `false`' }), duration({ min: 0, max: MAX_AGE_MS })])
    .prefault('10m')
    .describe('How long browsers may remember the answer to a preflight. They cap it themselves. `false` does not say.'),
  preflightContinue: z
    .boolean()
    .default(false)
    .describe('Whether preflights go on to the service, which then answers them itself; its route must take `OPTIONS`.'),
  preflightStatus: z.literal([200, 204], { error: 'expected 200 or 204' }).default(204).describe('Status of the answer to a preflight.'),
  privateNetwork: z
    .boolean()
    .default(false)
    .describe('Whether pages from outside may ask for addresses of a private network (`Access-Control-Allow-Private-Network`).'),
  originAbsent: z.boolean().default(true).describe('Whether answers to requests without `Origin` get these headers too.'),
  lenient: z
    .boolean()
    .default(false)
    .describe(
      'Writes what is configured whatever the origin, and leaves the rest to browsers, as Kong does: one origin alone is told to all, `*` with `credentials` becomes whichever asks, what services say beside it stays, WebSockets are not looked at, and a route must take `OPTIONS` itself.',
    ),
}).superRefine(({ origins, credentials, exposedHeaders, lenient }, context) => {
  for (const [index, written] of origins.entries()) {
    const rule = lenient ? parseLenientRule(written) : parseOriginRule(written)
    if ('problem' in rule) context.addIssue({ code: 'custom', message: rule.problem, path: ['origins', index] })
  }
  if (!credentials || lenient) return
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
