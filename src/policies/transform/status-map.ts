export const STATUS_PRESETS = ['gateway-errors'] as const
export type StatusPreset = (typeof STATUS_PRESETS)[number]

const PRESETS: Readonly<Record<StatusPreset, Readonly<Record<number, number>>>> = {
  'gateway-errors': { 501: 404, 502: 503, 503: 504 },
}

/** Statuses by status, 0 for those that stay; null when all do. One look each: what a status becomes is not mapped again. */
export function compileStatusMap(preset: StatusPreset | undefined, map: Readonly<Record<string, number>>): Uint16Array | null {
  const entries = Object.entries<number>({ ...(preset === undefined ? {} : PRESETS[preset]), ...map })
  if (entries.length === 0) return null
  const table = new Uint16Array(600)
  for (const [from, to] of entries) table[Number(from)] = to
  return table
}
