import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { parseStrictJson, pointerOf } from '../../core/strict-json.ts'
import { refuseFor, type Violation } from '../../core/violations.ts'
import { apiPlan } from './api-plan.ts'
import { Engine } from './engine.ts'
import { inlinePlan } from './inline-plan.ts'
import type { RequestValidationOptions } from './options.ts'
import { type Chosen, chooseContent, isEncoded, type Plan } from './plan.ts'
import type { Shape } from './shape.ts'
import { ENCODING_FAULT, parsePairs, valuesOf } from './text-forms.ts'
import { violationsOf } from './violations.ts'

/** Deepest nesting of a body's arrays and objects. */
const JSON_DEPTH_MAX = 64

/** What one place where the policy is configured does. @throws when the file that it names has not been read */
export function requestValidationSteps(options: RequestValidationOptions): PolicySteps {
  const { api } = options
  if (api !== undefined) return stepsOf(apiPlan(api, options, new Engine(api.definitions, api.tracks)), options)
  if (options.openapi !== undefined) throw new Error(`the file \`${options.openapi}\` has not been read`)
  return stepsOf(inlinePlan(options, new Engine()), options)
}

function stepsOf(plan: Plan, { bodyMax, report }: RequestValidationOptions): PolicySteps {
  const tells = report === 'violations'
  return {
    onRequest: (exchange) => checkHead(plan, exchange, tells),
    ...(plan.looksAtBodies && {
      requestBody: {
        bytesMax: bodyMax,
        wanted: (exchange) => {
          const chosen = choose(plan, exchange)
          return chosen !== null && chosen.reading !== 'none' && chosen.content.validator !== null
        },
        run: (exchange, body) => checkBody(plan, exchange, body, tells),
      },
    }),
  }
}

const ENCODED = refuse('request_media_type_unsupported', 'Expected a body without a content coding', [['Accept-Encoding', 'identity']])
const NO_BODY: Violation = { in: 'body', pointer: '', message: 'is required', keyword: 'required' }

/** All that can be told before the body is asked for. */
function checkHead(plan: Plan, exchange: Exchange, tells: boolean): Verdict {
  const rules = plan.rulesFor(exchange)
  if (rules === null) return undefined
  exchange.trace?.note(`checked against ${rules.name}`)
  const violations = rules.headViolations(exchange)
  const { length } = exchange.downstream.requestBody
  if (rules.body !== null && length === 0 && rules.body.required) violations.push(NO_BODY)
  if (violations.length > 0) return refused(exchange, violations, tells)
  if (rules.body === null || length === 0) return undefined
  const chosen = chooseContent(rules.body, exchange)
  if (chosen === null) return rules.body.wrongType
  return chosen.reading !== 'none' && chosen.content.validator !== null && isEncoded(exchange) ? ENCODED : undefined
}

function choose(plan: Plan, exchange: Exchange): Chosen | null {
  const rules = plan.rulesFor(exchange)
  return rules === null || rules.body === null || exchange.downstream.requestBody.length === 0 ? null : chooseContent(rules.body, exchange)
}

function checkBody(plan: Plan, exchange: Exchange, body: Buffer, tells: boolean): Verdict {
  // Only in shadow does a body come here whose head has been refused.
  const chosen = choose(plan, exchange)
  if (chosen === null) return undefined
  if (body.length === 0) return chosen.required ? refused(exchange, [NO_BODY], tells) : undefined
  const read = chosen.reading === 'form' ? readForm(body, chosen.content.shape) : readJson(body)
  if ('violations' in read) return refused(exchange, read.violations, tells)
  const findings = chosen.content.validator?.check(read.value, body.length) ?? null
  if (findings === null) return undefined
  const complete = findings === 'too complex' || findings.complete
  return refused(exchange, violationsOf('body', '', findings), tells, complete)
}

type ReadBody = { readonly value: unknown } | { readonly violations: readonly Violation[] }

function readJson(body: Buffer): ReadBody {
  const parsed = parseStrictJson(body, { depthMax: JSON_DEPTH_MAX })
  if ('value' in parsed) return parsed
  return { violations: [{ in: 'body', pointer: parsed.pointer, message: parsed.problem }] }
}

function readForm(body: Buffer, shape: Shape): ReadBody {
  // Bytes that are not ASCII have no place in a form, and as Latin-1 they would be read as something.
  const pairs = body.every((byte) => byte < 0x80) ? parsePairs(body.toString('latin1')) : null
  if (pairs === null) return { violations: [{ in: 'body', pointer: '', message: ENCODING_FAULT }] }
  const { values, faults } = valuesOf(pairs, shape)
  if (faults.length === 0) return { value: values }
  return { violations: faults.map(({ name, message }) => ({ in: 'body', pointer: pointerOf([name]), message })) }
}

function refused(exchange: Exchange, violations: readonly Violation[], tells: boolean, complete = true): Reply {
  for (const { in: place, pointer, message } of violations.slice(0, 5)) exchange.trace?.note(`${place} ${pointer} ${message}`)
  return tells ? refuseFor(violations, complete) : refuse('request_invalid')
}
