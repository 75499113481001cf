import { analyseRoutes } from '../compile/analysis.ts'
import { type Problem, renderProblems, sortProblems } from '../config/diagnostics.ts'
import type { GatewayIr } from '../config/ir.ts'
import { type LoadOptions, loadConfig } from '../config/load.ts'
import type { Fragment, SourceContext } from '../core/config-source.ts'
import { POLICIES } from '../policies/index.ts'
import type { ConfigLoad } from '../runtime/control.ts'
import { isSourceUrl, openSource } from '../sources/index.ts'
import { terminalOf } from './terminal.ts'

/** What one argument of the command line stands for: a file, or what a store holds there. */
export type SourceDocuments = string | { readonly name: string; readonly fragments: readonly Fragment[] }

export type LoadedConfig = ConfigLoad & {
  /** Every file the result depends on. */
  readonly files: readonly string[]
  /** Rendered for people; empty for none. */
  readonly warnings: string
  /** The document, as written; null where there are several, or it is in a store. */
  readonly text: string | null
}

/** A configuration and all that is to be said of it; `ir` is null when that includes an error. */
export interface CheckedConfig {
  readonly ir: GatewayIr | null
  readonly problems: readonly Problem[]
  /** Text of documents by name, for the lines below problems. */
  readonly sources: ReadonlyMap<string, string>
  readonly files: readonly string[]
  readonly display: () => unknown
}

/**
 * Asks each store that is named once.
 * Rejects with a sentence for the operator.
 */
export async function readSources(names: readonly string[], context: SourceContext): Promise<SourceDocuments[]> {
  const reads = names.map(async (name) => {
    if (!isSourceUrl(name)) return name
    const source = await openSource(name, context)
    try {
      return { name: source.name, fragments: await source.read() }
    } catch (error) {
      throw new Error(`${source.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  })
  return Promise.all(reads)
}

/** What a command line says of how a configuration is read. */
export type ReadSettings = Pick<LoadOptions, 'env' | 'skipUnsupported'>

/** Says all that is wrong with a configuration, or that may be. */
export async function checkDocuments(documents: readonly SourceDocuments[], settings: ReadSettings): Promise<CheckedConfig> {
  const written = documents.flatMap((document): readonly (string | Fragment)[] =>
    typeof document === 'string' ? [document] : document.fragments,
  )
  const loaded = await loadConfig(written, { policies: POLICIES, ...settings })
  const { sources, files } = loaded
  const missing = 'ir' in loaded && loaded.allowsEmpty ? [] : emptied(documents, 'ir' in loaded ? loaded.ir : null)
  if (!('ir' in loaded)) {
    return { ir: null, problems: sortProblems([...loaded.problems, ...missing]), sources, files, display: () => null }
  }
  const findings = analyseRoutes(loaded.ir.routes, loaded.ir.compatibility).map(
    ({ severity, at, message }): Problem => ({ severity, location: at, message }),
  )
  const problems = [...loaded.warnings, ...findings, ...missing]
  const isWrong = problems.some(({ severity }) => severity === 'error')
  return { ir: isWrong ? null : loaded.ir, problems, sources, files, display: loaded.display }
}

/**
 * A store that lost its data, and a program that writes too little into it, look like an operator who wants no routes. Judged by the configuration
 * alone, and not by the one before it: a gateway that starts then must not be the only one that is taken in.
 */
function emptied(documents: readonly SourceDocuments[], ir: GatewayIr | null): Problem[] {
  const stores = documents.filter((document) => typeof document !== 'string')
  const problems = stores
    .filter(({ fragments }) => fragments.every(isBlank))
    .map(({ name }) => problemAt(name, 'the store holds no document here; if that is meant, another document says `allowEmpty: true`'))
  const [first] = stores
  if (first === undefined || problems.length > 0 || ir === null || ir.routes.length > 0) return problems
  return [problemAt(first.fragments[0]?.name ?? first.name, 'there is no route; if that is meant, write `allowEmpty: true`')]
}

/** A key that was emptied, and not removed, says as little as none. */
function isBlank({ text }: Fragment): boolean {
  return text.split('\n').every((line) => /^\s*(?:---|\.\.\.|\{\s*\}|null|~)?\s*(?:#.*)?$/.test(line))
}

function problemAt(file: string, message: string): Problem {
  return { severity: 'error', location: { file, line: 1, column: 1 }, message }
}

/** Reads the configuration and says what `turnpike check` would say of it. */
export async function loadDocuments(documents: readonly SourceDocuments[], settings: ReadSettings): Promise<LoadedConfig> {
  const { ir, problems, sources, files, display } = await checkDocuments(documents, settings)
  const said = problems.length === 0 ? '' : renderProblems(problems, { sources, ...terminalOf(process.stderr) })
  if (ir === null) return { ok: false, problems: said, files, warnings: '', text: null }
  const [first, ...others] = documents
  const text = typeof first === 'string' && others.length === 0 ? (sources.get(first) ?? null) : null
  return { ok: true, ir, display, files, warnings: said, text }
}
