import { object, type z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, PluginSurroundings, Written } from '../types.ts'
import { filled } from './config-schema.ts'
import { type Found, nativeTemplate } from './lua-template.ts'
import { Edits, type Entries, headerNames, names, pairOf, pairs, TRANSFORMER_RULES } from './transformer-words.ts'

/** Whose answers are framed in another way. */
const FRAMING = new Set(['HEAD', 'TRACE', 'CONNECT'])

const VALUES = {
  body: pairs(),
  headers: pairs({ headers: true }),
  querystring: pairs(),
}

const schema = object({
  http_method: filled()
    .regex(/^[A-Z]+$/, { error: 'invalid value: expected a method in capitals' })
    .optional(),
  remove: object({ body: names(), headers: headerNames(), querystring: names() }).prefault({}),
  rename: object({ ...VALUES, headers: pairs({ headers: true, renames: true }) }).prefault({}),
  replace: object({ ...VALUES, uri: filled().optional() }).prefault({}),
  add: object(VALUES).prefault({}),
  append: object(VALUES).prefault({}),
})

type Config = z.output<typeof schema>
type Kind = 'headers' | 'querystring' | 'body'

const OPERATIONS = ['remove', 'rename', 'replace', 'add', 'append'] as const

export const requestTransformer: KongPlugin<Config> = {
  name: 'request-transformer',
  schema,
  rules: {
    ...TRANSFORMER_RULES,
    'config#lua': {
      fidelity: 'unsupported',
      reason:
        'templates are no Lua here: `$(headers.name)`, `$(query_params.name)` and `$(uri_captures.name)` are taken, one value each; write a constant, or let the service compute it',
    },
    'config#number': {
      fidelity: 'unsupported',
      reason: 'captures have names: give the group in the path of the route one, `(?<id>[^/]+)`, and write `$(uri_captures.id)`',
    },
    'config#shared': {
      fidelity: 'unsupported',
      reason:
        'nothing is shared between plugins, since code in Lua is not run: write `$(headers.name)` of a header that an earlier plugin sets',
    },
    'config#empty': {
      fidelity: 'approximated',
      reason: 'a template that comes out empty leaves the header, parameter or member out; Kong sends it empty',
    },
    'config.replace.uri': {
      fidelity: 'approximated',
      reason:
        'values in it are percent-encoded and stay within their segment; a path that is left without one, or with a dot segment, is refused with 400',
    },
    'config.http_method#framing': {
      fidelity: 'unsupported',
      reason: 'a request cannot be made HEAD, TRACE or CONNECT: their answers are framed in another way',
    },
    'config.http_method#form': {
      fidelity: 'approximated',
      reason:
        'of a form that becomes a GET the fields go into the query as the edits of `body` leave them, and no body is sent; Kong moves them as they came, and sends the body too',
    },
    'config.http_method#head': { fidelity: 'approximated', reason: 'HEAD requests stay what they are, since their answers have no body' },
    'config#body': {
      fidelity: 'approximated',
      reason:
        'bodies of `application/*+json` and compressed ones are edited too, numbers keep their digits, `false` and `null` count as there, what is put behind a number keeps the number, nothing is added to a request without a body, bodies of more than 8 MiB are 413, and such as could be read in two ways 400',
    },
    'config.append.body#parts': {
      fidelity: 'approximated',
      reason: 'to a form of several parts a field is added; Kong leaves such a form as it is',
    },
  },
  translate(written, around) {
    const { http_method: method } = written
    const framing = method !== undefined && FRAMING.has(method)
    if (framing) around.error('a request cannot be made HEAD, TRACE or CONNECT: expected another method', ['http_method'])
    else if (method !== undefined) around.note('config.http_method#head', ['http_method'])
    if (method === 'GET') around.note('config.http_method#form', ['http_method'])
    const template = templates(around)
    const { uri } = written.replace
    if (uri?.includes('$(')) around.note('config.replace.uri', ['replace', 'uri'])
    const body = editsOf(written, 'body', template, around, true)
    if (Object.values(body).some((edit) => edit !== undefined)) around.note('config#body', [])
    if (written.append.body.length > 0) around.note('config.append.body#parts', ['append', 'body'])
    const request = {
      ...(!framing && { method, formToQuery: method === 'GET' }),
      path: uri === undefined ? undefined : nodeOf(template(uri, ['replace', 'uri']), around.locate(['replace', 'uri'])),
      host: hostOf(written, template, around),
      headers: { ...editsOf(written, 'headers', template, around), taken: 'keep' },
      query: { ...editsOf(written, 'querystring', template, around), taken: 'keep' },
      body: { ...body, taken: 'keep' },
      // The same entries once more: what is to be told of them has been.
      form: { ...editsOf(written, 'body', template, { ...around, note: () => undefined }), taken: 'keep' },
      notJson: 'pass-unparsable',
      timestampHeader: false,
    }
    const options = { request, response: { timeHeader: false }, bodyBytesMax: '8MiB' }
    return { policies: [{ kind: 'transform', options }] }
  },
}

type Template = (value: string, path: readonly (string | number)[]) => string | null

/** Makes native templates, and tells what cannot be one; once of each place, since entries for bodies are read for both kinds of them. */
function templates(around: PluginSurroundings): Template {
  const told = new Set<string>()
  return (value, path) => {
    const found: Found = nativeTemplate(value)
    const place = path.join('.')
    const isNew = !told.has(place)
    told.add(place)
    if ('rule' in found) {
      const { reason } = requestTransformer.rules[found.rule] ?? { reason: '' }
      if (isNew) around.unsupported(`\`${found.part}\`: ${reason}`, path)
      return null
    }
    if (found.mayBeEmpty && isNew && path[1] !== 'uri') around.note('config#empty', path)
    return found.text
  }
}

function editsOf(
  written: Config,
  kind: Kind,
  template: Template,
  around: PluginSurroundings,
  byPointer = false,
): Record<string, Written | undefined> {
  const [remove, rename, replace, add, append] = OPERATIONS.map((operation) => written[operation][kind])
  const entries: Entries = { remove: remove ?? [], rename: rename ?? [], replace: replace ?? [], add: add ?? [], append: append ?? [] }
  const edits = new Edits(entries, { kind, ...(byPointer && { byPointer }), valueOf: template }, around)
  return edits.written(byPointer ? 'append' : 'add')
}

/** `Host` is what the service sees, and not a field among others. */
function hostOf({ replace }: Config, template: Template, around: PluginSurroundings): Written | undefined {
  const index = replace.headers.findLastIndex((entry) => pairOf(entry).name.toLowerCase() === 'host')
  const { value } = pairOf(replace.headers[index] ?? '')
  const path = ['replace', 'headers', index]
  return value === '' ? undefined : nodeOf(template(value, path), around.locate(path))
}
