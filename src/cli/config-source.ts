import { analyseRoutes } from '../compile/analysis.ts'
import { type Problem, renderProblems } from '../config/diagnostics.ts'
import { type LoadOptions, loadConfig } from '../config/load.ts'
import { POLICIES } from '../policies/index.ts'
import type { ConfigLoad } from '../runtime/control.ts'
import { terminalOf } from './terminal.ts'

export type LoadedConfig = ConfigLoad & {
  /** Every file the result depends on. */
  readonly files: readonly string[]
  /** Rendered for people; empty for none. */
  readonly warnings: string
}

/** Reads the configuration and says what `turnpike check` would say of it. */
export async function loadConfigFiles(files: readonly string[], env: LoadOptions['env']): Promise<LoadedConfig> {
  const loaded = await loadConfig(files, { policies: POLICIES, env })
  const render = (problems: readonly Problem[]): string =>
    problems.length === 0 ? '' : renderProblems(problems, { sources: loaded.sources, ...terminalOf(process.stderr) })
  if (!('ir' in loaded)) return { ok: false, problems: render(loaded.problems), files: loaded.files, warnings: '' }
  const findings = analyseRoutes(loaded.ir.routes).map(({ severity, at, message }): Problem => ({ severity, location: at, message }))
  const problems = [...loaded.warnings, ...findings]
  if (problems.some(({ severity }) => severity === 'error')) {
    return { ok: false, problems: render(problems), files: loaded.files, warnings: '' }
  }
  return { ok: true, ir: loaded.ir, display: loaded.display, files: loaded.files, warnings: render(problems) }
}
