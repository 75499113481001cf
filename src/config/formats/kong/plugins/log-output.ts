/** What http-log and file-log share. */
import { record, z } from '../../../../core/schema.ts'
import type { FidelityRules, PluginSurroundings } from '../types.ts'

export const customFields = () => record(z.string().min(1).max(256), z.string().min(1).max(8_192), { max: 100 }).default({})

export const LOG_RULES: FidelityRules = {
  config: {
    fidelity: 'approximated',
    reason:
      'routes and services are told by their names alone, and headers and parameters that may be secret (cookies, keys, tokens) read `REDACTED`, where Kong hides only authorizations; `response.size` is that of the body',
  },
  'config.custom_fields_by_lua': {
    fidelity: 'unsupported',
    reason: 'code in Lua is not run; what only returns a text, a number, `true`, `false` or `nil` is carried',
  },
}

/** `return "x"` and the like, as what it returns. */
export function constantFields(
  written: Readonly<Record<string, string>>,
  around: PluginSurroundings,
): Record<string, string | number | boolean | null> {
  const set: Record<string, string | number | boolean | null> = {}
  for (const [name, lua] of Object.entries(written)) {
    const value = constantOf(lua)
    if (value === undefined) around.note('config.custom_fields_by_lua', ['custom_fields_by_lua', name])
    else set[name] = value
  }
  return set
}

function constantOf(lua: string): string | number | boolean | null | undefined {
  const [, returned = ''] = /^\s*return\s+(\S.*?)\s*;?\s*$/s.exec(lua) ?? []
  if (returned === 'nil') return null
  if (returned === 'true' || returned === 'false') return returned === 'true'
  if (/^-?\d+(\.\d+)?$/.test(returned)) return Number(returned)
  return /^(["'])([^"'\\\n]*)\1$/.exec(returned)?.[2]
}
