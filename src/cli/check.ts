import { analyseRoutes } from '../compile/analysis.ts'
import { type Problem, renderProblems } from '../config/diagnostics.ts'
import { type Loaded, loadConfig, type NotLoaded } from '../config/load.ts'
import { POLICIES } from '../policies/index.ts'
import { count, paint, terminalOf } from './terminal.ts'

/**
 * `turnpike check FILE…`: problems on standard error, and on standard output one line that says the files are good.
 * @returns the exit status: 0, or 1 when something is wrong
 */
export async function checkCommand(files: readonly string[]): Promise<number> {
  const loaded = await loadConfig(files, { policies: POLICIES, env: process.env })
  const problems = problemsOf(loaded)
  const { stdout, stderr } = process
  if (problems.length > 0) stderr.write(`${renderProblems(problems, { sources: loaded.sources, ...terminalOf(stderr) })}\n`)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  const tally = [...(errors > 0 ? [count(errors, 'error')] : []), ...(warnings > 0 ? [count(warnings, 'warning')] : [])].join(', ')
  if (errors > 0 || !('ir' in loaded)) {
    stderr.write(`${paint('red', '✖', stderr)} ${files.join(', ')}: ${tally}\n`)
    return 1
  }
  const { listeners, services, routes, revision } = loaded.ir
  const parts = [
    count(listeners.length, 'listener'),
    count(services.length, 'service'),
    count(routes.length, 'route'),
    `revision ${revision}`,
  ]
  stdout.write(`${paint('green', '✔', stdout)} ${files.join(', ')}: ${parts.join(', ')}${tally === '' ? '' : ` (${tally})`}\n`)
  return 0
}

function problemsOf(loaded: Loaded | NotLoaded): readonly Problem[] {
  if (!('ir' in loaded)) return loaded.problems
  const findings = analyseRoutes(loaded.ir.routes).map(({ severity, at, message }): Problem => ({ severity, location: at, message }))
  return [...loaded.warnings, ...findings]
}
