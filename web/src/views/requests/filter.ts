/** What the list of requests is asked for, and the hash that says so. */
import { FILTERS, type FilterName } from '../../links.ts'

export type Filter = Readonly<Partial<Record<FilterName, string>>>

/** How the form names them. */
export const LABELS: Readonly<Record<FilterName, string>> = {
  path: 'Path holds',
  route: 'Route',
  service: 'Service',
  consumer: 'Consumer',
  method: 'Method',
  status: 'Status',
  error: 'Error code',
  policy: 'Policy',
  shadow: 'Shadow policy',
  since: 'Since',
}

/** What `GET /tap` can be asked by. */
export const TAP_FILTERS: ReadonlySet<FilterName> = new Set(['path', 'route', 'service', 'consumer', 'status', 'error'])

/** What stands behind the question mark of the hash. */
export function readFilter(query: string): Filter {
  const params = new URLSearchParams(query)
  return Object.fromEntries(
    FILTERS.flatMap((name) => {
      const value = params.get(name)
      return value === null || value === '' ? [] : [[name, value]]
    }),
  )
}

/** What the fields of the form hold. */
export function filterOf(form: HTMLFormElement): Filter {
  const data = new FormData(form)
  const params = new URLSearchParams()
  for (const name of FILTERS) {
    const value = data.get(name)
    if (typeof value !== 'string' || value.trim() === '') continue
    params.set(name, name === 'since' ? isoOf(value) : value.trim())
  }
  return readFilter(params.toString())
}

/** Of a time as the field has it: without a zone, which is the reader's. */
function isoOf(local: string): string {
  const time = new Date(local)
  return Number.isNaN(time.getTime()) ? '' : time.toISOString()
}

/** As a field of the kind `datetime-local` wants it. */
export function localTime(iso: string | undefined): string {
  const time = new Date(iso ?? '')
  if (Number.isNaN(time.getTime())) return ''
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}

export function queryOf(filter: Filter): string {
  return new URLSearchParams(filter).toString()
}
