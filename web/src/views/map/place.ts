/** What of the map is chosen, as the hash says it. */

export type Choice = { readonly kind: 'route' | 'service'; readonly name: string } | null

/** Behind `#/map`: a route's name, or `?service=` with a service's. */
export function readChoice(rest: string): Choice {
  if (rest === '') return null
  if (!rest.startsWith('?')) return { kind: 'route', name: rest }
  const service = new URLSearchParams(rest.slice(1)).get('service')
  return service === null ? null : { kind: 'service', name: service }
}

export function serviceLink(name: string): string {
  return `#/map?service=${encodeURIComponent(name)}`
}

export function linkOf(choice: Choice): string {
  if (choice === null) return '#/map'
  return choice.kind === 'service' ? serviceLink(choice.name) : `#/map/${encodeURIComponent(choice.name)}`
}
