import { object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled } from './config-schema.ts'

const STATUSES = new Set([301, 302, 303, 307, 308])
const BODILESS = new Set([204, 205, 304])
const BODY = 'redirecting'

const schema = object({
  status_code: z.int().min(100).max(599).default(301),
  location: filled().refine((url) => URL.canParse(url) && /^[!-~]+$/.test(url), { error: 'missing host in url' }),
  keep_incoming_path: z.boolean().default(false),
})

type Config = z.output<typeof schema>

export const redirect: KongPlugin<Config> = {
  name: 'redirect',
  schema,
  rules: {},
  translate({ status_code: status, location, keep_incoming_path: keeps }, around) {
    if (status < 200 || (keeps && !STATUSES.has(status))) {
      const expected = keeps ? [...STATUSES].join(', ') : '200 to 599'
      around.unsupported(`a redirect has no status ${status} here: expected ${expected}`, ['status_code'])
      return { policies: [] }
    }
    // A template would read braces as its own, and has no statuses but those of redirects.
    if (!keeps) {
      const body = BODILESS.has(status) ? '' : BODY
      const options = { status, headers: { Location: nodeOf(location, around.locate(['location'])) }, body, contentType: false }
      return { policies: [{ kind: 'static-response', options }] }
    }
    // `new URL` would drop a port that the scheme has anyway, which Kong tells.
    const [, base = ''] = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/(?:[^/?#]*@)?[^/?#]*)/.exec(location) ?? []
    const to = nodeOf(`${base.replace(/\/\/.*@/, '//')}{path}`, around.locate(['location']))
    return { policies: [{ kind: 'redirect', options: { to, status, body: BODY } }] }
  },
}
