import { dirname, isAbsolute, resolve } from 'node:path'
import { policyKind } from '../core/policy-name.ts'
import type { Problem } from './diagnostics.ts'
import type { JsonSchema } from './json-schema.ts'
import type { ConfigNode, MapEntry, MapNode, ScalarNode } from './tree.ts'

/** Reads a text file of at most so many bytes; throws when there is none, it cannot be read or it is larger. */
export type ReadFile = (path: string, bytesMax: number) => Promise<string>
/** As {@link ReadFile}, for a file that is no text. */
export type ReadFileBytes = (path: string, bytesMax: number) => Promise<Buffer>

/** Where interpolations get their values. */
export interface InterpolationSources {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile: ReadFile
  /** Takes the path of every file that was asked for, so that changes of it can be watched. */
  readonly onFile: (path: string) => void
}

/** Largest file whose content may stand for a value. */
const FILE_BYTES_MAX = 64 * 1024
const PLACEHOLDER = /\$\$\{|\$\{([^}\n]*)\}?/g
const REFERENCE = /^(env|file):(.+)$/s
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * The tree with `${env:NAME}` and `${file:/path}` replaced in every text value (never in keys); `$${` stands for `${`. A relative path
 * starts at the configuration's own folder, which a document of a store has not; one line feed at the end of a file's content is dropped. What is missing is a problem at the value's
 * place. The values themselves appear in no message.
 */
export async function interpolate(root: MapNode, sources: InterpolationSources, problems: Problem[]): Promise<MapNode> {
  return { ...root, entries: await interpolateEntries(root, sources, problems) }
}

async function interpolateEntries(map: MapNode, sources: InterpolationSources, problems: Problem[]): Promise<Map<string, MapEntry>> {
  const entries = new Map<string, MapEntry>()
  for (const [key, { keyAt, node }] of map.entries) entries.set(key, { keyAt, node: await interpolateNode(node, sources, problems) })
  return entries
}

async function interpolateNode(node: ConfigNode, sources: InterpolationSources, problems: Problem[]): Promise<ConfigNode> {
  if (node.kind === 'map') return { ...node, entries: await interpolateEntries(node, sources, problems) }
  if (node.kind === 'scalar') return interpolateScalar(node, sources, problems)
  const items: ConfigNode[] = []
  for (const item of node.items) items.push(await interpolateNode(item, sources, problems))
  return { ...node, items }
}

async function interpolateScalar(node: ScalarNode, sources: InterpolationSources, problems: Problem[]): Promise<ScalarNode> {
  const written = node.value
  if (typeof written !== 'string' || !written.includes('${')) return node
  let value = ''
  let end = 0
  for (const match of written.matchAll(PLACEHOLDER)) {
    value += written.slice(end, match.index)
    end = match.index + match[0].length
    if (match[1] === undefined) {
      value += '${'
      continue
    }
    const found = await lookUp(match[0], match[1], node.at.file, sources)
    if (typeof found === 'string') value += found
    else problems.push({ severity: 'error', location: node.at, message: found.problem })
  }
  return { ...node, value: value + written.slice(end), written }
}

async function lookUp(
  placeholder: string,
  inner: string,
  document: string,
  { env, readFile, onFile }: InterpolationSources,
): Promise<string | { readonly problem: string }> {
  const [, source, name = ''] = REFERENCE.exec(inner) ?? []
  if (!placeholder.endsWith('}') || source === undefined || (source === 'env' && !ENV_NAME.test(name))) {
    return {
      problem: `\`${placeholder}\` is no interpolation: expected \`\${env:NAME}\` or \`\${file:/path}\`; write \`$\${\` for a plain \`\${\``,
    }
  }
  if (source === 'env') return env[name] ?? { problem: `the environment variable \`${name}\` is not set` }
  const path = pathBeside(document, name)
  if (path === null) return { problem: `\`${placeholder}\` is relative, and ${NO_FOLDER}` }
  onFile(path)
  try {
    return (await readFile(path, FILE_BYTES_MAX)).replace(/\r?\n$/, '')
  } catch (error) {
    return { problem: `the file of \`${placeholder}\` cannot be read: ${reasonOf(error)}` }
  }
}

export const NO_FOLDER = 'a document of a store stands in no folder: expected a path from the root'

/** The path that a name means in a document: a relative one starts at the document's folder. Null where that is in a store, not in a file. */
export function pathBeside(document: string, name: string): string | null {
  if (/^[a-z][a-z0-9]*:\/\//.test(document) && !isAbsolute(name)) return null
  return resolve(dirname(document), name)
}

/** Why a file could not be read, without its path and without what is in it. */
export function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
  return REASONS.get(code) ?? (code === '' ? 'unknown fault' : code)
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'permission denied'],
  ['EISDIR', 'it is a folder'],
  ['EFBIG', 'it is too large'],
])

const HIDDEN = '***'
/** Shorter values stand in messages by chance. */
const NET_CHARS_MIN = 4

/**
 * The problems with every value that came from an interpolation taken out of their messages. Messages are made without them in the first
 * place; this is the net below that, for the words of policies' own checks. Marks those on a line where a secret is written as it is.
 */
export function hideValues(problems: readonly Problem[], trees: readonly MapNode[]): Problem[] {
  if (problems.length === 0) return []
  const values = trees.flatMap(interpolatedValues).filter((value) => value.length >= NET_CHARS_MIN)
  const secretLines = new Set<string>()
  for (const tree of trees) {
    addSecretLines(tree, false, secretLines)
    addKeyLines(tree, secretLines)
    addKongKeyLines(tree, secretLines)
  }
  return problems.map((problem) => {
    const message = values.reduce((text, value) => text.replaceAll(value, HIDDEN), problem.message)
    const { file, line } = problem.location
    return { ...problem, message, ...(secretLines.has(`${file}:${line}`) && { lineIsSecret: true }) }
  })
}

/** Adds the lines, as `file:line`, where a secret is written as it is: under a key that sounds like one, in a JWK, or as an API key of a consumer. */
function addSecretLines(node: ConfigNode, hide: boolean, lines: Set<string>): void {
  if (node.kind === 'map') {
    for (const [key, { node: inner }] of node.entries) addSecretLines(inner, isSecretMember(node, key) && inner.kind !== 'map', lines)
  } else if (node.kind === 'list') {
    for (const item of node.items) addSecretLines(item, hide, lines)
  } else if (hide && node.written === null && typeof node.value === 'string') {
    lines.add(`${node.at.file}:${node.at.line}`)
  }
}

function addKeyLines(root: MapNode, lines: Set<string>): void {
  const consumers = root.entries.get('consumers')?.node
  for (const { node: consumer } of consumers?.kind === 'map' ? consumers.entries.values() : []) {
    const keys = consumer.kind === 'map' ? consumer.entries.get('keys')?.node : undefined
    for (const item of keys?.kind === 'list' ? keys.items : []) {
      const written = item.kind === 'map' ? [item.entries.get('key')?.node, item.entries.get('hash')?.node] : [item]
      for (const node of written) if (node !== undefined) addSecretLines(node, true, lines)
    }
  }
}

/** As {@link addKeyLines}, for `key` of Kong's API keys and certificates, wherever these stand. */
function addKongKeyLines(node: ConfigNode, lines: Set<string>): void {
  if (node.kind === 'list') for (const item of node.items) addKongKeyLines(item, lines)
  if (node.kind !== 'map') return
  for (const [name, { node: inner }] of node.entries) {
    for (const item of KONG_KEYED.has(name) && inner.kind === 'list' ? inner.items : []) {
      const key = item.kind === 'map' ? item.entries.get('key')?.node : undefined
      if (key !== undefined) addSecretLines(key, true, lines)
    }
    addKongKeyLines(inner, lines)
  }
}

const KONG_KEYED: ReadonlySet<string> = new Set(['keyauth_credentials', 'certificates'])

function interpolatedValues(node: ConfigNode): string[] {
  if (node.kind === 'map') return [...node.entries.values()].flatMap(({ node: inner }) => interpolatedValues(inner))
  if (node.kind === 'list') return node.items.flatMap(interpolatedValues)
  return node.written === null || typeof node.value !== 'string' || node.value === '' ? [] : [node.value]
}

const HIDDEN_KEYS = /authorization|cookie|token|secret|password|api-?key/i
/** What must not be known of a JWK (RFC 7518, 6.2.2, 6.3.2 and 6.4.1). A private key is refused, or passed over in a set: it is still one. */
const JWK_SECRETS: ReadonlySet<string> = new Set(['k', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'oth'])

function isSecretMember({ entries }: MapNode, key: string): boolean {
  return HIDDEN_KEYS.test(key) || (entries.has('kty') && JWK_SECRETS.has(key))
}

/**
 * The configuration as it may be shown: interpolations as they were written, and `***` for the values of fields that the schema marks as
 * secret and of keys that sound like secrets, whatever they hold.
 *
 * @param schema JSON Schema of the configuration's written form
 */
export function displayConfig(root: MapNode, schema: JsonSchema): unknown {
  return display(root, [schema], false)
}

function display(node: ConfigNode, schemas: readonly JsonSchema[], hide: boolean): unknown {
  const all = schemas.flatMap(alternatives)
  // Where a secret is text in one form and a part of a map in another, the form that is not meant hides nothing.
  const hideHere = hide || all.some((schema) => schema['secret'] === true && (node.kind === 'scalar' || schema.type !== 'string'))
  if (node.kind === 'scalar') return displayScalar(node, hideHere)
  if (node.kind === 'list') {
    const items = all.flatMap(({ items }) => (typeof items === 'object' && !Array.isArray(items) ? [items] : []))
    return node.items.map((item) => display(item, items, hideHere))
  }
  const shown: Record<string, unknown> = {}
  for (const [key, { node: inner }] of node.entries) {
    const own = all.flatMap(({ properties, additionalProperties }) => {
      const schema = properties?.[key] ?? properties?.[policyKind(key)] ?? additionalProperties
      return typeof schema === 'object' ? [schema] : []
    })
    // A key that only holds other keys (a policy called `token-exchange`) says nothing of each of them.
    const sounds = isSecretMember(node, key) && inner.kind !== 'map'
    shown[key] = display(inner, own, hideHere || sounds)
  }
  return shown
}

/** What an interpolation says of where a secret is kept is no secret; text around it may be one. */
function displayScalar({ value, written }: ScalarNode, hide: boolean): unknown {
  if (!hide) return written ?? value
  if (typeof value === 'boolean' || value === null) return value
  return written !== null && /^\$\{[^}]*\}$/.test(written) ? written : HIDDEN
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  return [schema, ...inner.flatMap((other) => (typeof other === 'object' ? alternatives(other) : []))]
}
