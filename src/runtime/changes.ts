import type { Caller } from '../core/caller.ts'
import type { Exchange } from '../core/exchange.ts'
import { withoutTokens } from '../core/token-text.ts'
import { type SecretPlaces, shownValue } from './decisions/redact.ts'

/** What can be seen of an exchange between two steps. */
export interface ExchangeState {
  readonly request: readonly (readonly [string, string])[]
  readonly response: readonly (readonly [string, string])[]
  readonly path: string
  readonly query: string
  readonly authority: string
  readonly bodyMax: number
  /** Bytes of the body that a step gives; -1 for none. */
  readonly bodyGiven: number
  readonly caller: string
}

export function stateOf(exchange: Exchange): ExchangeState {
  return {
    request: exchange.request.headers.toPairs(),
    response: exchange.response.headers.toPairs(),
    path: exchange.forward.path,
    query: exchange.forward.query,
    authority: exchange.forward.authority,
    bodyMax: exchange.requestBodyBytesMax,
    bodyGiven: exchange.requestBody?.length ?? -1,
    caller: describeCaller(exchange.caller),
  }
}

function describeCaller({ method, subject, consumer, user }: Caller): string {
  const parts = [subject === '' ? '' : `user ${subject}`, consumer === null ? '' : `consumer ${consumer.name}`]
  const record = user === null ? '' : `, roles: ${user.roles.join(' ') || 'none'}, permissions: ${user.permissions.join(' ') || 'none'}`
  return method === '' ? 'nobody' : `${parts.filter((part) => part !== '').join(' of ') || 'somebody'} by ${method}${record}`
}

/** What differs, in words; no credentials. */
export function describeChanges(before: ExchangeState, after: ExchangeState, secrets: SecretPlaces): string[] {
  const changes = [
    ...fieldChanges('request', before.request, after.request, secrets),
    ...fieldChanges('response', before.response, after.response, secrets),
  ]
  if (before.path !== after.path) changes.push(`path ${withoutTokens(before.path)} becomes ${withoutTokens(after.path)}`)
  if (before.query !== after.query) changes.push('the query changes')
  if (before.authority !== after.authority) changes.push(`Host becomes ${after.authority}`)
  if (before.caller !== after.caller) changes.push(`the caller is ${after.caller}`)
  if (before.bodyMax !== after.bodyMax) changes.push(`the body may have ${after.bodyMax} bytes`)
  if (before.bodyGiven !== after.bodyGiven) changes.push(`a body of ${after.bodyGiven} bytes is given`)
  return changes
}

type Fields = ExchangeState['request']

function fieldChanges(side: string, before: Fields, after: Fields, secrets: SecretPlaces): string[] {
  const changes: string[] = []
  const left = [...after]
  for (const [name, value] of before) {
    const index = left.findIndex((pair) => pair[0] === name && pair[1] === value)
    if (index === -1) changes.push(`remove ${side} header ${name}: ${shownValue(name, value, secrets)}`)
    else left.splice(index, 1)
  }
  for (const [name, value] of left) changes.push(`set ${side} header ${name}: ${shownValue(name, value, secrets)}`)
  return changes
}
