import { signal } from '@preact/signals'

/** The list that was looked at last, so that a record of it knows its neighbours: the newest first. */
export const listed = signal<{ readonly query: string; readonly ids: readonly string[] }>({ query: '', ids: [] })

/** The records before and after one in that list; empty for none. */
export function neighbours(id: string): { readonly newer: string; readonly older: string } {
  const { ids } = listed.value
  const at = ids.indexOf(id)
  return at === -1 ? { newer: '', older: '' } : { newer: ids[at - 1] ?? '', older: ids[at + 1] ?? '' }
}
