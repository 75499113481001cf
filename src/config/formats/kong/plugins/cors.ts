import { compileRegex } from '../../../../core/regex.ts'
import { list, object, oneOf, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled, texts } from './config-schema.ts'

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'] as const

/** What Kong takes for a text and not for an expression. */
const PLAIN = /^[A-Za-z0-9.:/-]+$/

const origin = filled().superRefine((written, context) => {
  if (written === '*' || PLAIN.test(written)) return
  const regex = compileRegex(written, 'none')
  if ('problem' in regex) context.addIssue({ code: 'custom', message: `'${written}' is not a valid regex: ${regex.problem}` })
})

const schema = object({
  origins: list(origin, { max: 1_000 }).default([]),
  methods: list(oneOf(METHODS), { max: 20 }).optional(),
  headers: texts().default([]),
  exposed_headers: texts().default([]),
  max_age: z.number().min(0).max(300_000_000).optional(),
  credentials: z.boolean().default(false),
  preflight_continue: z.boolean().default(false),
  private_network: z.boolean().default(false),
  allow_origin_absent: z.boolean().default(true),
})

type Config = z.output<typeof schema>

export const cors: KongPlugin<Config> = {
  name: 'cors',
  schema,
  noConsumer: true,
  rules: {
    'config.max_age': {
      fidelity: 'approximated',
      reason: 'told in whole milliseconds',
    },
    'config.origins#alternatives': {
      fidelity: 'approximated',
      reason:
        'an expression must match the whole origin, also where a `|` stands outside of parentheses; Kong takes the end of the last alternative alone for the end of the origin',
    },
  },
  translate(written, around) {
    const { origins, methods, headers, max_age: maxAge } = written
    if (maxAge !== undefined && !Number.isInteger(maxAge * 1000)) around.note('config.max_age', ['max_age'])
    for (const [i, text] of origins.entries()) {
      if (!PLAIN.test(text) && hasOuterAlternatives(text)) around.note('config.origins#alternatives', ['origins', i])
    }
    const options = {
      lenient: true,
      preflightStatus: 200,
      origins: origins.length === 0 ? ['*'] : origins.map((text, i) => nodeOf(originOf(text), around.locate(['origins', i]))),
      methods: methods === undefined || methods.length === 0 ? METHODS : methods,
      headers: headers.length === 0 ? ['*'] : headers,
      exposedHeaders: written.exposed_headers,
      maxAge: maxAge === undefined ? false : Math.round(maxAge * 1000),
      credentials: written.credentials,
      preflightContinue: written.preflight_continue,
      privateNetwork: written.private_network,
      originAbsent: written.allow_origin_absent,
    }
    return { policies: [{ kind: 'cors', options }] }
  },
}

/** An expression without a colon is one for the host alone. */
function originOf(text: string): string {
  if (text === '*' || PLAIN.test(text)) return text
  const source = text.replace(/^\^/, '').replace(/\$$/, '')
  return text.includes(':') ? `~${source}` : `~[^:/]+://(?:${source})(?::[0-9]+)?`
}

function hasOuterAlternatives(source: string): boolean {
  let depth = 0
  const plain = source.replaceAll(/\\.|\[[^\]]*\]/g, '')
  for (const char of plain) {
    if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === '|' && depth === 0) return true
  }
  return false
}
