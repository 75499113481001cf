/** Templates of Kong's request-transformer, in the native form. */
import { literal } from './transformer-words.ts'

export type Found =
  | {
      readonly text: string
      /** Whether there is nothing in it but values that need not be there. */
      readonly mayBeEmpty: boolean
    }
  /** What cannot be carried, and the rule that says why. */
  | { readonly rule: 'config#lua' | 'config#number' | 'config#shared'; readonly part: string }

/** `$(…)`, with parentheses in it, or the beginning of one that does not end. */
const EXPRESSION = /\$\(((?:[^()]|\([^()]*\))*)\)|\$\(.*/gs
/** `headers.name`, `headers["name"]`, `uri_captures[1]`. */
const REFERENCE =
  /^\s*(headers|query_params|uri_captures|shared)(?:\.([A-Za-z_]\w*)|\[\s*(?:"([^"\\]+)"|'([^'\\]+)'|(\d+))\s*\])((?:\.[A-Za-z_]\w*)*)\s*$/
const FORMS = { headers: 'header', query_params: 'query', uri_captures: 'param' } as const

const NAMES = {
  headers: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/,
  query_params: /^[^{}\s"]+$/,
  uri_captures: /^[A-Za-z_][A-Za-z0-9_]*$/,
} as const

export function nativeTemplate(written: string): Found {
  // The library has lines that begin so for statements.
  if (/^\s*#/m.test(written)) return { rule: 'config#lua', part: written }
  let text = ''
  let from = 0
  let constants = ''
  for (const match of written.matchAll(EXPRESSION)) {
    constants += written.slice(from, match.index)
    text += literal(written.slice(from, match.index))
    from = match.index + match[0].length
    const placeholder = placeholderOf(match[1] ?? '', match[0])
    if (typeof placeholder !== 'string') return placeholder
    text += placeholder
  }
  const rest = written.slice(from)
  return { text: text + literal(rest), mayBeEmpty: from > 0 && constants + rest === '' }
}

function placeholderOf(expression: string, part: string): string | Found {
  const [, table = '', plain, double, single, number, members] = REFERENCE.exec(expression) ?? []
  if (table === 'shared') return { rule: 'config#shared', part }
  if (number !== undefined || /^\d+$/.test(double ?? single ?? ''))
    return { rule: table === 'uri_captures' ? 'config#number' : 'config#lua', part }
  if ((table !== 'headers' && table !== 'query_params' && table !== 'uri_captures') || members !== '') return { rule: 'config#lua', part }
  const name = plain ?? double ?? single ?? ''
  if (!NAMES[table].test(name)) return { rule: 'config#lua', part }
  // Names of headers are found with dashes for underscores.
  return `{${FORMS[table]}.${table === 'headers' ? name.replaceAll('_', '-') : name}}`
}
