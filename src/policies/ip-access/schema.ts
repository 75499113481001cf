import { integer, list, object, oneOf, text, type z } from '../../core/schema.ts'
import { parseBlock } from './block.ts'

function blocks() {
  const block = text({ max: 64 }).superRefine((written, context) => {
    const parsed = parseBlock(written)
    if ('problem' in parsed) context.addIssue({ code: 'custom', message: parsed.problem })
  })
  return list(block, { min: 1 })
}

export const schema = object({
  allow: blocks().optional().describe('Addresses and CIDR blocks that may pass; with this list all others are refused.'),
  deny: blocks().optional().describe('Addresses and CIDR blocks that are refused, also where `allow` has them.'),
  by: oneOf(['client', 'peer'])
    .default('client')
    .describe('Whose address counts: `client`, the true client behind trusted proxies, or `peer`, the other end of the connection.'),
  status: integer({ min: 400, max: 599 }).default(403).describe('Status of refusals.'),
  message: text({ max: 1_000 })
    .optional()
    .describe(
      'What refusals tell clients; `{address}` stands for the address that was looked at. Default: nothing more than their status.',
    ),
}).refine(({ allow, deny }) => allow !== undefined || deny !== undefined, { error: 'expected `allow`, `deny` or both' })

export type IpAccessOptions = z.output<typeof schema>
