import { parsePointer } from '../../core/claims.ts'
import { byteSize, duration, headerNameText, headerValueText, integer, object, oneOf, record, text, z } from '../../core/schema.ts'
import { parseUrlTemplate } from './url-template.ts'

const HEADERS_MAX = 50

function pointer(fallback: string) {
  return text({ max: 256 })
    .refine((written) => written.startsWith('/') && !/~(?![01])/.test(written) && parsePointer(written).length <= 16, {
      error: 'expected a JSON Pointer, such as `/data/roles`',
    })
    .default(fallback)
}

export const schema = object({
  url: text({ max: 2_048 })
    .superRefine((written, context) => {
      const template = parseUrlTemplate(written)
      if ('problem' in template) context.addIssue({ code: 'custom', message: template.problem })
    })
    .describe('Where the record of a user is, with `{sub}` in place of the name: `http://users.internal:9000/users/{sub}`.'),
  headers: record(headerNameText(), headerValueText().min(1).meta({ secret: true }), { max: HEADERS_MAX })
    .default({})
    .describe('Headers to send to the user service. Their values are never shown.'),
  timeout: duration({ min: 1, max: 60_000 }).prefault('1s').describe('Longest wait for the answer of the user service.'),
  bytesMax: byteSize({ min: 2, max: 2 ** 20 })
    .prefault('64KiB')
    .describe('Largest answer of the user service.'),
  roles: pointer('/roles').describe('Where the roles stand in the record: a JSON Pointer to a list of texts.'),
  permissions: pointer('/permissions').describe('Where the permissions stand in the record.'),
  cacheTtl: duration({ min: 1_000 }).prefault('300s').describe('How long a record holds before it is asked for again.'),
  negativeTtl: duration({ min: 0 }).prefault('10s').describe('How long it is remembered that there is no user of that name.'),
  cacheMax: integer({ min: 2, max: 1_000_000 }).default(10_000).describe('Records that one worker keeps in memory.'),
  store: oneOf(['none', 'redis']).default('none').describe('Where records are shared between workers and machines, under `user:{sub}`.'),
  onError: oneOf(['refuse', 'stale'])
    .default('refuse')
    .describe('What happens when a record cannot be had: 503, or the last record that is known.'),
  staleMax: duration({ min: 1_000, max: 7 * 86_400_000 })
    .prefault('1h')
    .describe('With `onError: stale`: how long a record may be used after `cacheTtl`.'),
  onStoreError: oneOf(['refuse', 'bypass'])
    .default('refuse')
    .describe('What happens when Redis does not answer: as `onError` says, or the user service is asked without it.'),
  required: z
    .boolean()
    .default(false)
    .describe('Whether callers whose credential names no user are refused; one with a token without `sub` always is.'),
})

export type UsersOptions = z.output<typeof schema>
