import type { PolicyIr } from '../config/ir.ts'
import type { JsonValue } from '../core/openapi.ts'
import { optionAt } from './policy-option.ts'

/** How callers of a route show who they are, in the words of OpenAPI. */
export interface Security {
  /** Security Scheme Objects by name. */
  readonly schemes: Readonly<Record<string, JsonValue>>
  /** Security Requirement Objects, one of which has to be met; empty where nothing is asked for. */
  readonly requirements: readonly Readonly<Record<string, readonly string[]>>[]
}

type Scheme = readonly [name: string, scheme: JsonValue]

/** What `authentication: { anonymous }` adds: a call without any credential. */
const NO_CREDENTIAL = {}
const REQUIREMENTS_MAX = 20

/** @param policies in force on a route */
export function securityOf(policies: readonly PolicyIr[]): Security {
  const enforced = policies.filter(({ mode }) => mode === 'enforce')
  const ways = enforced.map(schemesOf).filter((schemes) => schemes.length > 0)
  const rule: unknown = enforced.find(({ kind }) => kind === 'authentication')?.options
  const isAnonymous = optionAt(rule, 'anonymous') !== undefined
  const isAny = isAnonymous || optionAt(rule, 'require') === 'any'
  const requirements = isAny ? ways.flat().map((scheme) => [scheme]) : ways.length === 0 ? [] : combinations(ways)
  return {
    schemes: Object.fromEntries(ways.flat()),
    requirements: [
      ...requirements.slice(0, REQUIREMENTS_MAX).map((schemes) => Object.fromEntries(schemes.map(([name]) => [name, []]))),
      ...(isAnonymous && requirements.length > 0 ? [NO_CREDENTIAL] : []),
    ],
  }
}

/** One of each list, in all ways. */
function combinations(lists: readonly (readonly Scheme[])[]): readonly (readonly Scheme[])[] {
  let all: (readonly Scheme[])[] = [[]]
  for (const list of lists) all = all.flatMap((chosen) => list.map((scheme) => [...chosen, scheme])).slice(0, REQUIREMENTS_MAX)
  return all
}

function schemesOf({ kind, options }: PolicyIr): readonly Scheme[] {
  if (kind === 'basic') return [['basic', { type: 'http', scheme: 'basic' }]]
  if (kind !== 'jwt' && kind !== 'api-key') return []
  const places = optionAt(options, 'from')
  return Array.isArray(places) ? places.map((place) => schemeAt(kind, String(place))) : []
}

/** @param place as options of `jwt` and `api-key` write it: `header`, `header:NAME`, `cookie:NAME`, `query:NAME` */
function schemeAt(kind: string, place: string): Scheme {
  const [where = '', name = ''] = place.split(':')
  if (where === 'header' && (name === '' || name.toLowerCase() === 'authorization')) {
    return kind === 'jwt'
      ? ['jwt', { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }]
      : ['api-key', { type: 'http', scheme: 'bearer' }]
  }
  return [`${kind}-${where}-${name.toLowerCase()}`, { type: 'apiKey', in: where, name }]
}
