import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import type { HeadersOptions } from './schema.ts'

type Edit = (headers: Headers) => void

export const headers: PolicyDefinition<HeadersOptions> = {
  kind: 'headers',
  summary: 'Removes, renames, sets and adds headers of requests and responses.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ request, response }): PolicySteps {
    const host = Object.entries(request.set).find(([name]) => name.toLowerCase() === 'host')?.[1]
    const editRequest = compileEdits(request)
    const editResponse = compileEdits(response)
    return {
      ...((editRequest !== null || host !== undefined) && {
        onRequest(exchange) {
          editRequest?.(exchange.request.headers)
          // The Host to send is not the field that came: that one is what guards and logs have seen.
          if (host !== undefined) exchange.forward.authority = host
          return undefined
        },
      }),
      ...(editResponse !== null && {
        onResponse(exchange) {
          editResponse(exchange.response.headers)
          return undefined
        },
      }),
    }
  },
}

/** Remove, rename, set, add, in this order; null for nothing to do. */
function compileEdits({ remove, rename, set, add }: HeadersOptions['request']): Edit | null {
  const renames = Object.entries(rename)
  const sets = Object.entries(set).filter(([name]) => name.toLowerCase() !== 'host')
  const adds = Object.entries(add)
  if (remove.length + renames.length + sets.length + adds.length === 0) return null
  const targets = new Set(renames.map(([, to]) => to.toLowerCase()))
  const isChain = renames.some(([from]) => targets.has(from.toLowerCase()))
  return (fields) => {
    for (const name of remove) fields.delete(name)
    if (isChain) renameAll(fields, renames)
    else for (const [from, to] of renames) fields.rename(from, to)
    for (const [name, value] of sets) fields.set(name, value)
    for (const [name, value] of adds) fields.append(name, value)
  }
}

/** For names that are both old and new: all old values are read before any is written, so that two headers may swap names. */
function renameAll(fields: Headers, renames: readonly (readonly [string, string])[]): void {
  const moves = renames.map(([from, to]) => ({ from, to, values: fields.getAll(from) })).filter(({ values }) => values.length > 0)
  for (const { from } of moves) fields.delete(from)
  for (const { to } of moves) fields.delete(to)
  for (const { to, values } of moves) for (const value of values) fields.append(to, value)
}
