import { grpcRemarks } from '../../core/grpc-remarks.ts'
import type { PolicySurroundings, Remark } from '../../core/policy.ts'
import type { GrpcWebOptions } from './schema.ts'

/** What clients of gRPC-Web set, which no script may without being let (Fetch, 2.2.2). */
const SET_BY_CLIENTS = ['Content-Type', 'X-Grpc-Web', 'X-User-Agent'] as const

/** What keeps browsers from making the calls that this policy is there for: a service that does not speak gRPC, or a cors policy. */
export function review(_options: GrpcWebOptions, around: PolicySurroundings): readonly Remark[] {
  return [...grpcRemarks(around), ...corsRemarks(around)]
}

function corsRemarks({ optionsOf }: PolicySurroundings): readonly Remark[] {
  const cors = optionsOf('cors')
  if (typeof cors !== 'object' || cors === null || !('headers' in cors) || !Array.isArray(cors.headers)) return []
  const allowed = new Set(cors.headers.map((name) => String(name).toLowerCase()))
  if (allowed.has('*')) return []
  const missing = SET_BY_CLIENTS.filter((name) => !allowed.has(name.toLowerCase()))
  if (missing.length === 0) return []
  const names = missing.map((name) => `\`${name}\``).join(' and ')
  const message = `\`cors\` does not let scripts set ${names}, as clients of gRPC-Web do: browsers then make no call. Name them in its \`headers\``
  return [{ severity: 'warning', path: [], message }]
}
