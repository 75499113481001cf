import type { PolicySurroundings, Remark } from './policy.ts'

/** What keeps a policy from calling its service by gRPC. */
export function grpcRemarks({ service }: PolicySurroundings): readonly Remark[] {
  if (service?.http2 !== false) return []
  const message = 'gRPC needs HTTP/2, which is not spoken to this service: give the service `protocol: h2`, or `tls`'
  return [{ severity: 'warning', path: [], message }]
}
