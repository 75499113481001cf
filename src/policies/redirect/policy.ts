import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { answer, refuse } from '../../core/reply.ts'
import type { RedirectOptions } from './schema.ts'
import { parseTarget, type RedirectTarget, type TargetPart } from './target.ts'

/** A host that can stand in a URL without ending its authority; the port is not part of it. */
const HOST = /^([a-z0-9._~-]+|\[[0-9a-f:.]+\])$/

export const redirect: PolicyDefinition<RedirectOptions> = {
  kind: 'redirect',
  summary: 'Answers with a redirect, without asking a service.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ to, status, preserveQuery, body }) {
    const bytes = Buffer.from(body)
    const target = checkedTarget(to)
    const appendsQuery = preserveQuery && !target.hasQuery
    const hostInvalid = refuse('request_malformed', 'The redirect needs a valid Host')
    return {
      onRequest(exchange) {
        if (target.usesHost && !HOST.test(exchange.request.host)) return hostInvalid
        return answer(status, [['Location', location(target, exchange, appendsQuery)]], bytes)
      },
    }
  },
}

function location(target: RedirectTarget, exchange: Exchange, appendsQuery: boolean): string {
  let base = fill(target.base, exchange)
  // A captured empty text, or `/{path}`, can leave two slashes at the start, and what follows those is a host (RFC 3986, 4.2).
  if (target.isRelative) base = base.replace(/^\/{2,}/, '/')
  const { query } = exchange.request
  if (appendsQuery && query !== '') base += (base.includes('?') ? '&' : '?') + inUrl(query)
  return base + fill(target.fragment, exchange)
}

function fill(parts: readonly TargetPart[], exchange: Exchange): string {
  let filled = ''
  for (const part of parts)
    filled += 'text' in part ? part.text : 'param' in part ? param(exchange, part.param) : field(exchange, part.placeholder)
  return filled
}

/** Captures are decoded: encoded again they stay data, whatever part of the URL they stand in. */
function param({ params }: Exchange, name: string): string {
  return encodeURIComponent((params.get(name) ?? '').toWellFormed())
}

function field({ request }: Exchange, placeholder: 'scheme' | 'host' | 'path' | 'query'): string {
  const text = request[placeholder]
  return placeholder === 'path' || placeholder === 'query' ? inUrl(text) : text
}

/** Text as received, what cannot stand in a URL's path or query percent-encoded. */
function inUrl(query: string): string {
  return query.replaceAll(/[^\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/g, (char) => encodeURIComponent(char.toWellFormed()))
}

function checkedTarget(to: string): RedirectTarget {
  const target = parseTarget(to)
  if ('problem' in target) throw new Error(`redirect: ${target.problem}`)
  return target
}
