import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, headerValueText, object, z } from '../../core/schema.ts'

function header() {
  return headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this header is the connection’s own' })
}

export const schema = object({
  service: header()
    .default('X-Service-Latency')
    .describe('On answers of services, the milliseconds from when the request was sent to the head of the answer.'),
  gateway: header()
    .default('X-Gateway-Latency')
    .describe('On answers of services, the milliseconds that went by in the gateway before the request was sent.'),
  response: header().default('X-Response-Latency').describe("On the gateway's own answers, the milliseconds that it took for them."),
  via: z.boolean().default(false).describe('Whether `Via` names the gateway on answers of services (RFC 9110, 7.6.3).'),
  server: headerValueText().optional().describe("`Server` of the gateway's own answers. Default: none."),
})

export type LatencyHeadersOptions = z.output<typeof schema>
