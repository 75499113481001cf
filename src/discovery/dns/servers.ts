import { Resolver } from 'node:dns'
import type { DnsServer } from './query.ts'

const DNS_PORT = 53

/** Of `host:port`, `host`, `[::1]:port`, `[::1]` or a bare address. */
function parseServer(text: string): DnsServer {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? []
  return { host: bracketed ?? plain ?? text, port: Number(port ?? DNS_PORT) }
}

/** The servers of a rule, in its order. Those of the system, where it names none, may change: they are read each time. */
export function serversOf(listed: readonly string[]): readonly DnsServer[] {
  return (listed.length > 0 ? listed : new Resolver().getServers()).map(parseServer)
}

export function serverText({ host, port }: DnsServer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
