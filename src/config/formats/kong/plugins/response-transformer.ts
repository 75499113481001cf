import { list, object, oneOf, type z } from '../../../../core/schema.ts'
import type { KongPlugin, PluginSurroundings, Written } from '../types.ts'
import { Edits, headerNames, literal, names, pairOf, pairs, TRANSFORMER_RULES, type Words } from './transformer-words.ts'

const TYPED = {
  headers: pairs({ headers: true }),
  json: pairs(),
  json_types: list(oneOf(['string', 'boolean', 'number']), { max: 100 }).default([]),
}

const schema = object({
  remove: object({ headers: headerNames(), json: names() }).prefault({}),
  rename: object({ headers: pairs({ headers: true, renames: true }), json: pairs() }).prefault({}),
  replace: object(TYPED).prefault({}),
  add: object(TYPED).prefault({}),
  append: object(TYPED).prefault({}),
})

type Config = z.output<typeof schema>

export const responseTransformer: KongPlugin<Config> = {
  name: 'response-transformer',
  schema,
  rules: {
    ...TRANSFORMER_RULES,
    'config#twice': {
      fidelity: 'approximated',
      reason: 'a header in several operations: each sees it as the one before has left it; with Kong all see it as it came',
    },
    'config#json': {
      fidelity: 'approximated',
      reason:
        'bodies of services are edited, not those of refusals; those of `application/*+json` and compressed ones too; numbers keep their digits, `false` and `null` count as there, what is put behind a number keeps the number; `Content-Length` is that of the new body; a body of more than 8 MiB, or one that could be read in two ways, is answered with 502',
    },
    'config.add.json_types': {
      fidelity: 'unsupported',
      reason: 'the value is none of its type: it is left out',
    },
  },
  translate(written, around) {
    noteTwice(written, around)
    const headers = editsOf(written, { kind: 'headers', valueOf: literal }, around, 'add')
    const json = editsOf(written, { kind: 'json', byPointer: true, valueOf: typedBy(written, around) }, around, 'append')
    if (Object.values(json).some((edit) => edit !== undefined)) around.note('config#json', [])
    const response = { headers, headersOn: 'all', body: json, notJson: 'pass-unparsable', timeHeader: false }
    const options = { request: { timestampHeader: false }, response, bodyBytesMax: '8MiB' }
    return { policies: [{ kind: 'transform', options }] }
  },
}

function editsOf(
  { remove, rename, replace, add, append }: Config,
  words: Words & { readonly kind: 'headers' | 'json' },
  around: PluginSurroundings,
  behind: 'add' | 'append',
): Record<string, Written | undefined> {
  const { kind } = words
  const entries = { remove: remove[kind], rename: rename[kind], replace: replace[kind], add: add[kind], append: append[kind] }
  return new Edits(entries, words, around).written(behind)
}

/** A value by the type at the same place of its list: text unless one is given. */
function typedBy(written: Config, around: PluginSurroundings): Words['valueOf'] {
  return (value, path, index) => {
    const [operation] = path
    const types = operation === 'replace' ? written.replace : operation === 'add' ? written.add : written.append
    const type = types.json_types[index] ?? 'string'
    if (type === 'string') return literal(value)
    const made = type === 'boolean' ? booleanOf(value) : Number(value)
    if (made !== null && (typeof made === 'boolean' || (value.trim() !== '' && Number.isFinite(made)))) return made
    around.note('config.add.json_types', path)
    return null
  }
}

function booleanOf(value: string): boolean | null {
  if (value === 'true') return true
  return value === 'false' ? false : null
}

function noteTwice({ remove, rename, replace, add }: Config, around: PluginSurroundings): void {
  const seen = new Set<string>()
  for (const [operation, { headers }] of Object.entries({ remove, rename, replace, add })) {
    const here = new Set<string>()
    for (const [index, entry] of headers.entries()) {
      const { name, value } = pairOf(entry)
      if (seen.has(name.toLowerCase())) return around.note('config#twice', [operation, 'headers', index])
      here.add(name.toLowerCase())
      if (operation === 'rename') here.add(value.toLowerCase())
    }
    for (const name of here) seen.add(name)
  }
}
