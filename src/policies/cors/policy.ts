import type { Exchange, RequestHead } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import { isPreflight } from '../../core/preflight.ts'
import { answer, type Reply, refuse } from '../../core/reply.ts'
import { compileLenient } from './lenient.ts'
import { compileOrigins, type OriginRule, parseOriginRule } from './origin.ts'
import { reviewCors } from './review.ts'
import type { CorsOptions } from './schema.ts'

/** What a service may say of sharing; where this policy is in force its word counts alone. */
const SHARING_FIELDS = [
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Credentials',
  'Access-Control-Expose-Headers',
  'Access-Control-Allow-Methods',
  'Access-Control-Allow-Headers',
  'Access-Control-Max-Age',
  'Access-Control-Allow-Private-Network',
] as const

/** The response step says what it allows: it runs for every answer. */
const PREFLIGHT_ANSWERS = { 200: answer(200), 204: answer(204) } as const

/**
 * Browsers let the scripts of every site open WebSockets, and send cookies with them, unasked: that the page is none that may do so is for the
 * server to see (RFC 6455, 10.2).
 */
const STRANGER = refuse('origin_denied')

type Field = readonly [name: string, value: string]

export const cors: PolicyDefinition<CorsOptions> = {
  kind: 'cors',
  summary: 'Lets scripts of other sites read responses, as browsers ask for it, and answers preflights.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review: reviewCors,
  compile(options) {
    const { preflightContinue, preflightStatus, originAbsent } = options
    const preflightAnswer = PREFLIGHT_ANSWERS[preflightStatus]
    if (options.lenient) return lenientSteps(compileLenient(options), preflightContinue ? null : preflightAnswer)
    const rules = options.origins.map(checkedRule)
    // The schema refuses it beside credentials: the answer is then the same for every origin, and caches may share it.
    const isPublic = rules.some(({ kind }) => kind === 'any')
    const takes = compileOrigins(rules)
    const share = compileSharing(options, isPublic, takes)
    return {
      answersPreflight: !preflightContinue,
      onRequest({ request, trace }) {
        if (request.upgrade === 'websocket') {
          if (isPublic || isOwnPage(request) || takes(request.headers.get('Origin') ?? '')) return undefined
          trace?.note('a WebSocket for the page of an origin that is not allowed')
          return STRANGER
        }
        if (preflightContinue || !isPreflight(request)) return undefined
        trace?.note(`preflight for ${request.headers.get('Access-Control-Request-Method')}`)
        return preflightAnswer
      },
      onResponse(exchange) {
        const preflight = isPreflight(exchange.request)
        if (preflight && preflightContinue) return undefined
        if (originAbsent || exchange.request.headers.has('Origin')) share(exchange, preflight)
        return undefined
      },
    }
  },
}

/** @param preflightAnswer null where preflights go on to the service, which then says it all */
function lenientSteps(share: (exchange: Exchange, preflight: boolean) => void, preflightAnswer: Reply | null): PolicySteps {
  return {
    ...(preflightAnswer !== null && { onRequest: ({ request }) => (isPreflight(request) ? preflightAnswer : undefined) }),
    onResponse(exchange) {
      const preflight = isPreflight(exchange.request)
      if (!preflight || preflightAnswer !== null) share(exchange, preflight)
      return undefined
    },
  }
}

/**
 * Whether a request is not from a page of another site: from no browser, or from a page that came from here too. The scheme is left out, which
 * may have ended at a proxy in front.
 */
function isOwnPage({ headers, authority }: RequestHead): boolean {
  const origins = headers.getAll('Origin')
  return origins.length === 0 || (origins.length === 1 && origins[0]?.replace(/^https?:\/\//, '') === authority.toLowerCase())
}

function compileSharing(
  options: CorsOptions,
  isPublic: boolean,
  takes: (origin: string) => boolean,
): (exchange: Exchange, preflight: boolean) => void {
  const echoes = options.headers.includes('*')
  const actualFields = fieldsOfActual(options)
  const preflightFields = fieldsOfPreflight(options, echoes)
  const varyNames = isPublic ? [] : ['Origin']
  const varyActual = varyOf(varyNames)
  // Which policy answers depends on the method that is asked for: routes may be told apart by it.
  const varyPreflight = varyOf([...varyNames, 'Access-Control-Request-Method', ...(echoes ? ['Access-Control-Request-Headers'] : [])])

  return ({ request, response, trace }, preflight) => {
    const { headers } = response
    for (const name of SHARING_FIELDS) headers.delete(name)
    addVary(headers, preflight ? varyPreflight : varyActual)
    const origin = isPublic ? '*' : (request.headers.get('Origin') ?? '')
    if (!isPublic && !takes(origin)) {
      trace?.note(origin === '' ? 'no origin' : `the origin ${origin} is not allowed`)
      return
    }
    trace?.note(`the origin ${origin} is allowed`)
    headers.append('Access-Control-Allow-Origin', origin)
    for (const [name, value] of preflight ? preflightFields : actualFields) headers.append(name, value)
    if (!preflight) return
    if (options.privateNetwork && request.headers.get('Access-Control-Request-Private-Network') === 'true') {
      headers.append('Access-Control-Allow-Private-Network', 'true')
    }
    if (!echoes) return
    const asked = request.headers.getJoined('Access-Control-Request-Headers') ?? ''
    if (NAMES.test(asked)) headers.append('Access-Control-Allow-Headers', asked)
  }
}

/** A list of header names (RFC 9110, 5.6.1). */
const NAMES = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*,[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+)*$/

function fieldsOfActual({ credentials, exposedHeaders }: CorsOptions): readonly Field[] {
  const fields: Field[] = []
  if (credentials) fields.push(['Access-Control-Allow-Credentials', 'true'])
  if (exposedHeaders.length > 0) fields.push(['Access-Control-Expose-Headers', exposedHeaders.join(', ')])
  return fields
}

function fieldsOfPreflight({ credentials, methods, headers, maxAge }: CorsOptions, echoes: boolean): readonly Field[] {
  const fields: Field[] = []
  if (credentials) fields.push(['Access-Control-Allow-Credentials', 'true'])
  fields.push(['Access-Control-Allow-Methods', methods.join(', ')])
  if (!echoes && headers.length > 0) fields.push(['Access-Control-Allow-Headers', headers.join(', ')])
  if (maxAge !== false) fields.push(['Access-Control-Max-Age', String(Math.floor(maxAge / 1_000))])
  return fields
}

interface VaryNames {
  readonly names: readonly string[]
  readonly text: string
}

function varyOf(names: readonly string[]): VaryNames {
  return { names, text: names.join(', ') }
}

/** Adds what a cache must look at, beside what a service has said (RFC 9110, 12.5.5). */
function addVary(headers: Headers, { names, text }: VaryNames): void {
  if (names.length === 0) return
  if (!headers.has('Vary')) {
    headers.append('Vary', text)
    return
  }
  const listed = headers.getAll('Vary').flatMap((value) => value.split(',').map((name) => name.trim().toLowerCase()))
  if (listed.includes('*')) return
  const missing = names.filter((name) => !listed.includes(name.toLowerCase()))
  if (missing.length > 0) headers.append('Vary', missing.join(', '))
}

function checkedRule(text: string): OriginRule {
  const rule = parseOriginRule(text)
  if ('problem' in rule) throw new Error(`cors: ${rule.problem}`)
  return rule
}
