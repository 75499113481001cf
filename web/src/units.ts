/** Numbers as people read them. */

/** `0.42 ms`, `12.3 ms`, `1.20 s`; a dash for none. */
export function ms(value: number | null): string {
  if (value === null) return '–'
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`
}

/** `0.42`, `12.3`, `1,234`. */
export function perSecond(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value === 0 ? '0' : value.toFixed(value < 10 ? 2 : 1)
}

/** `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`
}

export function count(value: number): string {
  return value.toLocaleString('en')
}

/** `2026-11-24 21:05:07`, in the reader's time zone. */
export function dateTime(iso: string): string {
  const time = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
}
