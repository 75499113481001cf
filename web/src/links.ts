/** Addresses within the page that one view gives of another. */

/** What requests can be searched by, in the order in which the form asks for it; as `GET /decisions` names it. */
export const FILTERS = ['path', 'route', 'service', 'consumer', 'method', 'status', 'error', 'policy', 'shadow', 'since'] as const
export type FilterName = (typeof FILTERS)[number]

/** Requests that fit all that is given. */
export function requestsLink(filter: Readonly<Partial<Record<FilterName, string>>>): string {
  return `#/requests?${new URLSearchParams(filter).toString()}`
}

export function recordLink(requestId: string): string {
  return `#/requests/${encodeURIComponent(requestId)}`
}

export function routeLink(name: string): string {
  return `#/map/${encodeURIComponent(name)}`
}
