/** Text to intermediate representation: read, placed, interpolated, merged, checked, translated. */
import { open } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import type { Fragment } from '../core/config-source.ts'
import type { PolicyDefinition } from '../core/policy.ts'
import { policyKind } from '../core/policy-name.ts'
import { policyOrder } from '../core/policy-order.ts'
import { z } from '../core/schema.ts'
import { hashPasswords } from './consumers.ts'
import { type Problem, sortProblems } from './diagnostics.ts'
import type { KongTranslation } from './formats/kong/index.ts'
import { resolveVaults } from './formats/kong/vaults.ts'
import { toGatewayIr } from './formats/native.ts'
import type { GatewayIr } from './ir.ts'
import { writtenJsonSchema } from './json-schema.ts'
import { describeIssue, problemsOf, refusedPaths } from './messages.ts'
import { parseModule } from './parse-module.ts'
import { parseYaml } from './parse-yaml.ts'
import { namedPolicies, resolvePolicies, reviewPolicies } from './policy-places.ts'
import { checkReferences } from './references.ts'
import { checkRoutes } from './route-checks.ts'
import { nativeSchema } from './schema.ts'
import { displayConfig, hideValues, interpolate, type ReadFile, type ReadFileBytes, reasonOf } from './secret.ts'
import { checkServices } from './service-checks.ts'
import { resolveTls } from './tls.ts'
import { type ConfigNode, coerceAt, type MapNode, mergeTrees, toPlain } from './tree.ts'

export interface LoadOptions {
  /** Every kind of policy that may be configured. */
  readonly policies: readonly PolicyDefinition<unknown>[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Default: the file system. */
  readonly readFile?: ReadFile
  /** Default: the file system. */
  readonly readFileBytes?: ReadFileBytes
  /** What `workers: auto` means. Default: what the operating system says. */
  readonly availableCpus?: number
  /** Whether what of a Kong file cannot be carried over is left out, with a warning, in place of being an error. Default: it is not. */
  readonly skipUnsupported?: boolean
}

interface Read {
  /** Text of the documents that could be read, by name, for the lines below problems. */
  readonly sources: ReadonlyMap<string, string>
  /** Every file the result depends on, those of `${file:…}` included, also when they could not be read. */
  readonly files: readonly string[]
}

export interface Loaded extends Read {
  readonly ir: GatewayIr
  readonly warnings: readonly Problem[]
  /** Whether it says of itself that it may hold nothing. */
  readonly allowsEmpty: boolean
  /** What Kong files among the documents came to, one by one. */
  readonly kong: readonly KongTranslation[]
  /** The configuration as it may be shown: interpolations as written, secrets hidden. Made when it is asked for. */
  readonly display: () => unknown
}

export interface NotLoaded extends Read {
  /** Errors and warnings in the order of places; at least one error. */
  readonly problems: readonly Problem[]
}

const FILE_BYTES_MAX = 32 * 2 ** 20
/** Policies that are on without being named. */
const ON_BY_DEFAULT = ['request-id', 'forwarded-headers', 'identity-headers']
/** There only what authenticates says who calls. */
const ON_BY_DEFAULT_KONG = ['request-id', 'forwarded-headers']
const BESIDE_KONG =
  'beside a Kong file these routes have the ways of Kong too: policies act in its order, `ip-access` and `rate-limit` behind authentication, and refusals have its form'

/**
 * Loads one or several documents as one configuration: names of files (YAML or JSON; `.ts`, `.mts`, `.js` and `.mjs` are run), and what stores have
 * given (YAML or JSON, whatever their names). All problems are told at once. Never throws for what a document says or lacks.
 */
export async function loadConfig(documents: readonly (string | Fragment)[], options: LoadOptions): Promise<Loaded | NotLoaded> {
  const { policies, env, readFile = readTextFile, readFileBytes = readBytes } = options
  const problems: Problem[] = []
  const sources = new Map<string, string>()
  const asked = new Set(documents.filter((document) => typeof document === 'string'))
  const onFile = (path: string): void => void asked.add(path)
  const trees: MapNode[] = []
  let complete = documents.length > 0
  for (const document of new Set(documents)) {
    const written =
      typeof document === 'string' ? await readTree(document, readFile, sources, problems) : readFragment(document, sources, problems)
    if (written === null) complete = false
    else
      trees.push(isKong(written) ? resolveVaults(written, env, problems) : await interpolate(written, { env, readFile, onFile }, problems))
  }
  const readSoFar = (): Read => ({ sources, files: [...asked] })
  const fail = (): NotLoaded => ({ ...readSoFar(), problems: sortProblems(hideValues(withoutEchoes(problems), trees)) })
  // With a part missing, most of what could be said of the rest would be wrong.
  if (!complete) return fail()
  const translated = await translateAll(trees, options, problems)
  if (translated === null) return fail()

  const merged = mergeTrees(translated.trees, problems)
  const schemas = await loadSchemas(policies, keysIn(merged, new Set(ON_BY_DEFAULT)))
  const schema = nativeSchema(schemas, namedPolicies(merged))
  const broken = errorPlaces(problems)
  const { tree, result } = check(schema, merged)
  checkReferences(tree, problems)
  if (!result.success) {
    // Of a value whose interpolation failed, nothing more can be said.
    problems.push(...problemsOf(result.error.issues, tree).filter((problem) => !broken.has(placeOf(problem))))
    return fail()
  }
  const definitions = new Map(policies.map((definition) => [definition.kind, definition]))
  const before = problems.length
  await resolvePolicies(result.data, tree, { definitions, readFile, readFileBytes, onFile }, problems)
  await resolveTls(result.data, tree, { readFile, onFile, nowMs: Date.now() }, problems)
  // Of options whose file is missing nothing more can be said.
  const isResolved = problems.length === before
  const nativeRoutes = translated.kong.length === 0 ? [] : trees.flatMap((tree) => (isKong(tree) ? [] : (tree.entries.get('routes') ?? [])))
  for (const { keyAt } of nativeRoutes) problems.push({ severity: 'warning', location: keyAt, message: BESIDE_KONG })
  // What services behind native routes believe, no client may send, also where a Kong file stands beside.
  const isAllKong = result.data.compatibility === 'kong' && nativeRoutes.length === 0
  const onByDefault = isAllKong ? ON_BY_DEFAULT_KONG : ON_BY_DEFAULT
  const defaultPolicies = new Map(onByDefault.flatMap((kind) => defaultOptions(kind, schemas)))
  const availableCpus = options.availableCpus ?? availableParallelism()
  await hashPasswords(result.data.consumers, tree, problems)
  const order = policyOrder(policies, result.data.compatibility ?? null)
  const ir = toGatewayIr(result.data, tree, { availableCpus, defaultPolicies, order }, problems)
  if (isResolved) reviewPolicies(ir, tree, definitions, problems)
  checkServices(ir, tree, problems)
  checkRoutes(ir, tree, { definitions, order }, problems)
  if (problems.some(({ severity }) => severity === 'error')) return fail()
  const display = (): unknown => displayConfig(tree, writtenJsonSchema(schemas))
  return {
    ...readSoFar(),
    ir,
    warnings: sortProblems(hideValues(problems, trees)),
    allowsEmpty: result.data.allowEmpty,
    kong: translated.kong,
    display,
  }
}

function errorPlaces(problems: readonly Problem[]): Set<string> {
  return new Set(problems.flatMap((problem) => (problem.severity === 'error' ? placeOf(problem) : [])))
}

/** Of a value that is wrong, such as one whose variable is not set, nothing more is worth saying. */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const wrong = errorPlaces(problems)
  return problems.filter((problem) => problem.severity === 'error' || !wrong.has(placeOf(problem)))
}

function isKong({ entries }: MapNode): boolean {
  return entries.has('_format_version')
}

/** The keys at the root, and `policies.…`. */
function saidBy(tree: MapNode): string[] {
  const policies = tree.entries.get('policies')?.node
  const names = policies?.kind === 'map' ? [...policies.entries.keys()] : []
  return [...tree.entries.keys(), ...names.map((name) => `policies.${name}`)]
}

/** What a file of Kong's without its format looks like to us. */
function checkFormat(tree: MapNode, problems: Problem[]): boolean {
  const first = ['services', 'routes', 'consumers', 'plugins'].find((key) => tree.entries.get(key)?.node.kind === 'list')
  if (first === undefined) return true
  const location = tree.entries.get(first)?.keyAt ?? tree.at
  problems.push({
    severity: 'error',
    location,
    message: `\`${first}\` is a list, as in files of Kong: such a file says \`_format_version: "3.0"\` at its top; in the native form it is a map by name`,
  })
  return false
}

/** All trees in the native form, with what Kong files came to; null where one of them cannot be translated. */
async function translateAll(
  trees: readonly MapNode[],
  { env, skipUnsupported = false }: LoadOptions,
  problems: Problem[],
): Promise<{ readonly trees: MapNode[]; readonly kong: KongTranslation[] } | null> {
  const natives = trees.filter((tree) => !isKong(tree))
  if (!natives.map((tree) => checkFormat(tree, problems)).every(Boolean)) return null
  if (natives.length === trees.length) return { trees: natives, kong: [] }
  const { translateKong } = await import('./formats/kong/index.ts')
  const taken = new Set(natives.flatMap(saidBy))
  const all: MapNode[] = []
  const kong: KongTranslation[] = []
  let complete = true
  for (const tree of trees) {
    const translation = isKong(tree) ? translateKong(tree, { env, taken, skipUnsupported }, problems) : null
    if (translation !== null) {
      kong.push(translation)
      // What holds for a whole gateway is said once.
      for (const key of saidBy(translation.tree)) taken.add(key)
    }
    if (isKong(tree) && translation === null) complete = false
    all.push(translation?.tree ?? tree)
  }
  return complete ? { trees: all, kong } : null
}

/**
 * Checks a tree. An interpolation always gives text; where the schema refuses it, the number or boolean that it spells is tried, so that
 * `port: ${env:PORT}` works and a password of digits stays text.
 */
function check(schema: ReturnType<typeof nativeSchema>, tree: MapNode) {
  const first = schema.safeParse(toPlain(tree), { error: describeIssue })
  if (first.success) return { tree, result: first }
  const coerced = coerceAt(tree, refusedPaths(first.error.issues))
  return coerced === tree
    ? { tree, result: first }
    : { tree: coerced, result: schema.safeParse(toPlain(coerced), { error: describeIssue }) }
}

function placeOf({ location }: Problem): string {
  return `${location.file}:${location.line}:${location.column}`
}

async function readTree(file: string, readFile: ReadFile, sources: Map<string, string>, problems: Problem[]): Promise<MapNode | null> {
  let text: string
  try {
    text = await readFile(file, FILE_BYTES_MAX)
  } catch (error) {
    problems.push({ severity: 'error', location: { file, line: 1, column: 1 }, message: `the file cannot be read: ${reasonOf(error)}` })
    return null
  }
  sources.set(file, text)
  return MODULE_EXTENSIONS.has(extname(file)) ? parseModule(file, text, problems) : parseYaml(file, text, problems)
}

/** What a store gives is never run. */
function readFragment({ name, text }: Fragment, sources: Map<string, string>, problems: Problem[]): MapNode | null {
  sources.set(name, text)
  return parseYaml(name, text, problems)
}

const MODULE_EXTENSIONS: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs'])

/**
 * The schemas of policies by kind.
 * @param wanted kinds that may occur, all by default. The others are not loaded, which spares a start most of them; a value of theirs is refused.
 */
export async function loadSchemas(
  policies: readonly PolicyDefinition<unknown>[],
  wanted: ReadonlySet<string> | null = null,
): Promise<ReadonlyMap<string, z.ZodType>> {
  const load = async ({ kind, summary, loadSchema }: PolicyDefinition<unknown>): Promise<[string, z.ZodType]> => [
    kind,
    wanted === null || wanted.has(kind) ? (await loadSchema()).describe(summary) : z.never(),
  ]
  return new Map(await Promise.all(policies.map(load)))
}

/** Adds every key of a tree, whatever it stands for. */
function keysIn(node: ConfigNode, keys: Set<string>): Set<string> {
  if (node.kind === 'list') for (const item of node.items) keysIn(item, keys)
  if (node.kind !== 'map') return keys
  for (const [key, entry] of node.entries) keysIn(entry.node, keys.add(policyKind(key)))
  return keys
}

function defaultOptions(kind: string, schemas: ReadonlyMap<string, z.ZodType>): [string, unknown][] {
  const schema = schemas.get(kind)
  return schema === undefined ? [] : [[kind, schema.parse({})]]
}

async function readTextFile(path: string, bytesMax: number): Promise<string> {
  return (await readBytes(path, bytesMax)).toString('utf8')
}

/** Reads a file of at most `bytesMax` bytes, also when it is a pipe or grows meanwhile. */
async function readBytes(path: string, bytesMax: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of file.createReadStream({ autoClose: false, end: bytesMax })) {
      if (!Buffer.isBuffer(chunk)) continue
      bytes += chunk.length
      if (bytes > bytesMax) throw Object.assign(new Error('file too large'), { code: 'EFBIG' })
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } finally {
    await file.close()
  }
}
