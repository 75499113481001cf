import { z } from '../core/schema.ts'
import type { EverywhereResult } from '../runtime/workers.ts'
import { type Answer, json, problem } from './answer.ts'
import { type Call, type Endpoint, NO_CONTENT } from './endpoint.ts'
import type { AdminParts } from './parts.ts'
import { serviceSchema } from './services-schema.ts'
import { type ServiceView, servicesView } from './services-view.ts'

const NOT_THERE = 'There is no such service, or target.'
const PARTLY = 'Not all workers have done it. It may be repeated.'

/** One service, and what an operator may do with its targets and breakers. */
export const SERVICE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/services/{service}',
    role: 'read',
    summary: 'One service, as all workers see it.',
    response: { schema: serviceSchema, description: 'What the workers know of it.' },
    problems: { 404: NOT_THERE },
    answer: one,
  },
  {
    method: 'POST',
    path: '/services/{service}/targets/{address}/drain',
    role: 'write',
    summary:
      'Takes a target out: it gets nothing new, over reloads, until `undrain` or the end of the control process. What is under way goes on.',
    body: NO_CONTENT,
    response: { schema: drainedSchema, description: 'It is out.' },
    problems: { 404: NOT_THERE, 409: 'It is the last target that is not out.', 503: PARTLY },
    answer: (parts, call) => setDrained(parts, call, true),
  },
  {
    method: 'POST',
    path: '/services/{service}/targets/{address}/undrain',
    role: 'write',
    summary: 'Lets a target back in.',
    body: NO_CONTENT,
    response: { schema: drainedSchema, description: 'It is in.' },
    problems: { 404: NOT_THERE, 503: PARTLY },
    answer: (parts, call) => setDrained(parts, call, false),
  },
  {
    method: 'POST',
    path: '/services/{service}/breaker/reset',
    role: 'write',
    summary: 'Closes the breakers of a service in all workers, and has them forget what they have counted.',
    body: NO_CONTENT,
    response: { schema: () => z.object({ service: z.string(), workers: z.int() }), description: 'They are closed.' },
    problems: { 404: 'There is no such service, or it has no breaker.', 503: PARTLY },
    answer: resetBreaker,
  },
]

function drainedSchema() {
  return z.object({ service: z.string(), target: z.string(), drained: z.boolean(), workers: z.int().describe('That have done it.') })
}

async function find({ services, discoveries }: AdminParts, { params: { service = '' } }: Call): Promise<ServiceView | Answer> {
  const view = servicesView(await services(), discoveries?.())
  return view.services.find(({ name }) => name === service) ?? problem(404, `There is no service ${JSON.stringify(service)}.`)
}

async function one(parts: AdminParts, call: Call): Promise<Answer> {
  const service = await find(parts, call)
  return 'status' in service ? service : json(service)
}

async function setDrained(parts: AdminParts, call: Call, isDrained: boolean): Promise<Answer> {
  const service = await find(parts, call)
  if ('status' in service) return service
  const { address = '' } = call.params
  const { name, targets } = service
  // One that has gone for a while, as discovered ones do, can be let back in.
  if (isDrained && !targets.some((target) => target.address === address))
    return problem(404, `Service ${name} has no target ${JSON.stringify(address)}.`)
  // All requests would fail: whoever wants that says so in the configuration.
  if (isDrained && !targets.some((target) => target.address !== address && target.weight > 0 && !target.drained))
    return problem(409, 'It is the last target of this service that is not out: all requests would fail.')
  const result = await parts.setDrained(name, address, isDrained)
  return told({ service: name, target: address, drained: isDrained }, result)
}

async function resetBreaker(parts: AdminParts, call: Call): Promise<Answer> {
  const service = await find(parts, call)
  if ('status' in service) return service
  if (service.breaker === null) return problem(404, `Service ${service.name} has no breaker.`)
  return told({ service: service.name }, await parts.resetBreaker(service.name))
}

function told(what: Readonly<Record<string, unknown>>, { workers, failures }: EverywhereResult): Answer {
  const answer = failures.length === 0 ? json({ ...what, workers }) : problem(503, PARTLY, { ...what, workers, failures })
  return { ...answer, audit: { ...what, workers } }
}
