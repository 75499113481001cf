/** Exchanges for tests of policies, with nothing behind them. */
import type { BodySource } from '../core/body.ts'
import { systemClock } from '../core/clock.ts'
import { type Downstream, Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { Metrics } from '../core/observe.ts'
import type { CompileContext, PolicyDefinition, PolicySteps, Verdict } from '../core/policy.ts'
import { NO_OUTPUTS } from '../core/record-output.ts'
import type { Resource } from '../core/resources.ts'
import type { ResponseStore } from '../core/response-store.ts'
import type { LimitDecision, LimitKeys, LimitStore } from '../core/store.ts'

export interface ExchangeShape {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly authority?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly params?: Readonly<Record<string, string>>
  readonly peerAddress?: string
  readonly trusted?: boolean
  /** Bytes of the request body, or LENGTH_UNKNOWN. */
  readonly bodyLength?: number
}

/** An exchange whose request was received as described: its headers lie in bytes, as a parser leaves them. */
export function exchangeOf(shape: ExchangeShape = {}): Exchange {
  const exchange = new Exchange(
    { name: 'main', port: 8080, scheme: 'http', redirectPort: null, requiresCertificate: false },
    new IdleDownstream(shape.bodyLength ?? 0),
  )
  const { request, forward, client } = exchange
  request.method = shape.method ?? 'GET'
  request.path = forward.path = shape.path ?? '/'
  request.query = forward.query = shape.query ?? ''
  request.authority = shape.authority ?? 'example.com'
  request.host = request.authority.replace(/:\d+$/, '').toLowerCase()
  parseInto(request.headers, shape.headers ?? [])
  client.peerAddress = client.address = shape.peerAddress ?? '192.0.2.7'
  client.trusted = shape.trusted ?? false
  exchange.params = new Map(Object.entries(shape.params ?? {}))
  exchange.requestBodyBytesMax = 1_000_000
  return exchange
}

function parseInto(headers: Headers, fields: readonly (readonly [string, string])[]): void {
  const bytes = Buffer.from(fields.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'latin1')
  headers.reset(bytes, 0)
  let at = 0
  for (const [name, value] of fields) {
    const valueStart = at + name.length + 2
    headers.addParsed(at, at + name.length, valueStart, valueStart + value.length)
    at = valueStart + value.length + 2
  }
  headers.end = at
}

class IdleDownstream implements Downstream {
  readonly requestBody: BodySource
  readonly headSent = false
  readonly responseBody = { onData: () => true, onEnd: unexpected, onError: unexpected, flush: unexpected }

  constructor(length: number) {
    this.requestBody = { length, start: unexpected, pause: unexpected, resume: unexpected }
  }

  sendInformational(): void {
    unexpected()
  }

  sendHead(): void {
    unexpected()
  }

  openTunnel(): never {
    return unexpected()
  }
}

function unexpected(): never {
  throw new Error('a policy does not touch this')
}

const nothing = (): void => undefined
const metrics: Metrics = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing, add: nothing }),
  histogram: () => ({ observe: nothing }),
}

/** Every id made here is this one. */
export const UUID = '00000000-0000-4000-8000-000000000000'

/** Without stores, consumers and network; resources live as long as the context. */
export const testContext: CompileContext = contextWith({})

/** A context of its own, with parts replaced. */
export function contextWith(parts: Partial<CompileContext>): CompileContext {
  const resources = new Map<string, Resource>()
  return {
    clock: { ...systemClock, uuid: () => UUID },
    log: { info: nothing, warn: nothing, error: nothing },
    metrics,
    http: { get: () => Promise.reject(new Error('there is no network here')) },
    resources: {
      keep(key, create) {
        const known = resources.get(key)
        // The key says what it is: the same one is always made by the same code.
        if (known !== undefined) return known as ReturnType<typeof create>
        const made = create()
        resources.set(key, made)
        return made
      },
    },
    outputs: NO_OUTPUTS,
    stores: { limits: () => BOUNDLESS, values: noStore, responses: () => FORGETFUL },
    consumers: {
      byKeyDigest: none,
      byUsername: () => [],
      byHmacKeyId: () => [],
      byJwtKey: () => [],
      byCertificate: none,
      byName: none,
      passwordCosts: [],
    },
    scope: 'everywhere',
    mode: 'enforce',
    ...parts,
  }
}

/** Admits everything. */
const BOUNDLESS: LimitStore = {
  reach: 'gateway',
  group(_id, rules) {
    const take = (keys: LimitKeys): LimitDecision => {
      const remaining = rules.map(({ capacity }, i) => (keys[i] === '' ? 0 : capacity))
      return { admitted: true, refusedBy: -1, retryAfterMs: 0, remaining, resetMs: rules.map(() => 0) }
    }
    return { take, peek: take, refusal: () => null }
  },
}

/** Finds nothing, and keeps nothing. */
const FORGETFUL: ResponseStore = {
  lookup: () => ({ response: null, put: () => false, remove: nothing }),
  invalidate: nothing,
  purge: nothing,
}

function noStore(): never {
  throw new Error('there is no store here')
}

function none(): undefined {
  return undefined
}

/** Compiles a policy from options as they are written in a configuration; throws what the schema says of wrong ones. */
export async function compilePolicy<Options>(
  definition: PolicyDefinition<Options>,
  written: unknown,
  context: CompileContext = testContext,
): Promise<PolicySteps> {
  const schema = await definition.loadSchema()
  await definition.load?.()
  return definition.compile(schema.parse(written), context)
}

/** What the schema says of options: one message an issue, none for valid ones. */
export async function problemsOf(definition: PolicyDefinition<unknown>, written: unknown): Promise<readonly string[]> {
  const result = (await definition.loadSchema()).safeParse(written)
  return result.success ? [] : result.error.issues.map(({ message }) => message)
}

/** Runs the request step of a policy that does not wait. */
export function onRequest(steps: PolicySteps, exchange: Exchange): Verdict {
  return settled(steps.onRequest?.(exchange))
}

/** Runs the response step of a policy that does not wait. */
export function onResponse(steps: PolicySteps, exchange: Exchange): Verdict {
  return settled(steps.onResponse?.(exchange))
}

function settled(verdict: Verdict | Promise<Verdict>): Verdict {
  if (verdict instanceof Promise) throw new Error('this policy does not wait')
  return verdict
}

/** The fields that are there, names in lower case, each as `name: value`. */
export function fieldsOf(headers: Headers): readonly string[] {
  return headers.toPairs().map(([name, value]) => `${name}: ${value}`)
}
