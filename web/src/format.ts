/** Numbers and times in words that more than one view uses. */

/** `12:05:07`, in the reader's time zone. */
export function clockTime(iso: string): string {
  return new Date(iso).toLocaleTimeString(undefined, { hour12: false })
}

/** `1 byte`, `12.5 KiB`. */
export function bytes(count: number): string {
  if (count < 1_024) return plural(count, 'byte')
  return count < 2 ** 20 ? `${(count / 1_024).toFixed(1)} KiB` : `${(count / 2 ** 20).toFixed(1)} MiB`
}

/** `1 try`, `2 tries`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** A share in percent; a dash where there is nothing to share. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`
}
