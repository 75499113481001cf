import { renderProblems } from '../config/diagnostics.ts'
import { shownUrl } from '../sources/index.ts'
import { type CheckedConfig, checkDocuments, readSources } from './config-source.ts'
import { SILENT_LOG } from './silent-log.ts'
import { count, paint, terminalOf } from './terminal.ts'

/**
 * `turnpike check SOURCE…`: problems on standard error, and on standard output one line that says the configuration is good.
 * @returns the exit status: 0, or 1 when something is wrong
 */
export async function checkCommand(names: readonly string[], skipUnsupported = false): Promise<number> {
  const { stdout, stderr } = process
  let checked: CheckedConfig
  try {
    checked = await checkDocuments(await readSources(names, { env: process.env, log: SILENT_LOG }), { env: process.env, skipUnsupported })
  } catch (error) {
    stderr.write(`${paint('red', '✖', stderr)} ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
  const { ir, problems, sources } = checked
  if (problems.length > 0) stderr.write(`${renderProblems(problems, { sources, ...terminalOf(stderr) })}\n`)
  const shown = names.map(shownUrl).join(', ')
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  const tally = [...(errors > 0 ? [count(errors, 'error')] : []), ...(warnings > 0 ? [count(warnings, 'warning')] : [])].join(', ')
  if (ir === null) {
    stderr.write(`${paint('red', '✖', stderr)} ${shown}: ${tally}\n`)
    return 1
  }
  const { listeners, services, routes, revision } = ir
  const parts = [
    count(listeners.length, 'listener'),
    count(services.length, 'service'),
    count(routes.length, 'route'),
    `revision ${revision}`,
  ]
  stdout.write(`${paint('green', '✔', stdout)} ${shown}: ${parts.join(', ')}${tally === '' ? '' : ` (${tally})`}\n`)
  return 0
}
