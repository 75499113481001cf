import { stringify } from 'yaml'
import { POLICIES } from '../policies/index.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { type LoadedConfig, loadDocuments, readSources } from './config-source.ts'
import { openApiDocument } from './openapi-document.ts'
import { SILENT_LOG } from './silent-log.ts'

export interface OpenApiCommandOptions {
  /** The only route to describe. */
  readonly route?: string | undefined
  /** Print JSON in place of YAML. */
  readonly json: boolean
}

const EXIT_CONFIG = 1
const EXIT_USAGE = 2

/**
 * `turnpike openapi SOURCE…`: what routes offer whose policies translate another protocol to REST, as one OpenAPI 3.1 document on standard
 * output. What cannot be described is told on standard error. A service that alone knows what it offers is asked.
 * @returns the exit status: 0, 1 when the configuration is wrong, 2 when there is no such route
 */
export async function openApiCommand(names: readonly string[], { route, json }: OpenApiCommandOptions): Promise<number> {
  const { stdout, stderr } = process
  const loaded = await load(names)
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  if (problems !== '') stderr.write(`${problems}\n`)
  if (!loaded.ok) return EXIT_CONFIG
  if (route !== undefined && !loaded.ir.routes.some(({ name }) => name === route)) {
    stderr.write(`turnpike: there is no route "${route}"\n`)
    return EXIT_USAGE
  }
  const { document, notes } = await openApiDocument(loaded.ir, POLICIES, route)
  for (const note of notes) stderr.write(`turnpike: ${note}\n`)
  stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 }))
  return 0
}

async function load(names: readonly string[]): Promise<LoadedConfig> {
  try {
    return await loadDocuments(await readSources(names, { env: process.env, log: SILENT_LOG }), { env: process.env })
  } catch (error) {
    return { ok: false, problems: sentenceOf(error), files: [], warnings: '', text: null }
  }
}
