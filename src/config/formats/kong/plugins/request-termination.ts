import { object, z } from '../../../../core/schema.ts'
import type { KongPlugin } from '../types.ts'
import { filled, headerName } from './config-schema.ts'

/** What is said where no message is given. */
const MESSAGES: ReadonlyMap<number, string> = new Map([
  [401, 'Unauthorized'],
  [404, 'Not found'],
  [405, 'Method not allowed'],
  [500, 'An unexpected error occurred'],
  [502, 'Bad Gateway'],
  [503, 'Service unavailable'],
])

const BODILESS = new Set([204, 205, 304])

const schema = object({
  status_code: z.int().min(100).max(599).default(503),
  message: filled().optional(),
  content_type: filled().optional(),
  body: filled().optional(),
  echo: z.boolean().default(false),
  trigger: headerName().optional(),
}).superRefine(({ message, content_type: type, body, echo }, context) => {
  const tell = (text: string): void => context.addIssue({ code: 'custom', message: text })
  if (message !== undefined && (type !== undefined || body !== undefined)) tell('message cannot be used with content_type or body')
  if (type !== undefined && body === undefined) tell('content_type requires a body')
  if (echo && (type !== undefined || body !== undefined)) tell('echo cannot be used with content_type and body')
})

type Config = z.output<typeof schema>

export const requestTermination: KongPlugin<Config> = {
  name: 'request-termination',
  schema,
  rules: {
    'config.echo': {
      fidelity: 'approximated',
      reason:
        '`kong` with the node is left out, route and service are told by their names alone, and bodies of more than 64 KiB are refused with 413',
    },
    'config.status_code': {
      fidelity: 'unsupported',
      reason: 'a status below 200 is no final answer (RFC 9110, 15.2)',
    },
  },
  translate(written, around) {
    const { status_code: status, message = MESSAGES.get(written.status_code), body, trigger } = written
    if (status < 200) {
      around.error('a status below 200 is no final answer: expected 200 or more', ['status_code'])
      return { policies: [] }
    }
    if (written.echo) {
      around.note('config.echo', ['echo'])
      return { policies: [{ kind: 'static-response', options: { status, trigger, echo: { message } } }] }
    }
    const content = body ?? (message === undefined ? '' : JSON.stringify({ message }))
    const contentType = body === undefined ? 'application/json; charset=utf-8' : (written.content_type ?? false)
    return { policies: [{ kind: 'static-response', options: { status, contentType, body: BODILESS.has(status) ? '' : content, trigger } }] }
  },
}
