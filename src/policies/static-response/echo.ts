import type { Exchange } from '../../core/exchange.ts'

/** Larger bodies are 413: they would be held in memory to be sent back. */
export const ECHO_BODY_BYTES_MAX = 65_536

/** A request as JSON. Names of headers are in lower case; what came several times is a list. @param body null for none */
export function echoOf(exchange: Exchange, message: string, body: Buffer | null): Buffer {
  const { request, route, listener } = exchange
  const document = {
    ...(message !== '' && { message }),
    request: {
      scheme: listener.scheme,
      host: request.host,
      port: listener.port,
      method: request.method,
      path: request.path,
      headers: grouped(request.headers.toPairs()),
      query: grouped(new URLSearchParams(request.query)),
      ...(body !== null && { raw_body: body.toString(), ...parsed(body, request.headers.get('Content-Type') ?? '') }),
    },
    ...(route !== null && { matched_route: { name: route.name } }),
    ...(route !== null && route.serviceName !== '' && { matched_service: { name: route.serviceName } }),
  }
  return Buffer.from(JSON.stringify(document))
}

function grouped(pairs: Iterable<readonly [string, string]>): Record<string, string | string[]> {
  const all = new Map<string, string | string[]>()
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    const known = all.get(key)
    // No copy for each: one name may come ten thousand times.
    if (Array.isArray(known)) known.push(value)
    else all.set(key, known === undefined ? value : [known, value])
  }
  return Object.fromEntries(all)
}

/** What the body says, where it says it as JSON or a form. */
function parsed(body: Buffer, type: string): { readonly body?: unknown } {
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return { body: grouped(new URLSearchParams(body.toString())) }
  if (!/^application\/json\b/i.test(type)) return {}
  try {
    return { body: JSON.parse(body.toString()) }
  } catch {
    return {}
  }
}
