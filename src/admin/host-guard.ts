import { isIP } from 'node:net'

/**
 * Whether a Host header may name the admin listener: an IP literal, a loopback name, or the host it was configured with.
 *
 * Any other name could be an attacker's that resolves to this machine: a web page of that name, open in a browser here, could
 * then read what it should not (DNS rebinding). An IP literal cannot be rebound.
 */
export function isHostAllowed(hostHeader: string | undefined, configuredHost: string): boolean {
  const host = hostOf(hostHeader ?? '')
  if (host === '') return false
  return isIP(host) !== 0 || host === 'localhost' || host.endsWith('.localhost') || host === configuredHost.toLowerCase()
}

/** The host of `host[:port]` in lower case, IPv6 addresses without brackets; empty when it is not of that form. */
function hostOf(header: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(header)
  const [, ipv6, other] = match ?? []
  return (ipv6 ?? other ?? '').toLowerCase()
}
