import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onParentGone } from '../../scripts/parent.ts'
import { LOAD_CORE, stopAll } from './process.ts'

/**
 * Runs a measurement in a folder of its own, on the load's core, and ends the process. What it has started ends with it, and the folder goes,
 * whatever ends it: a fault, which is told, a signal, or the end of who started us.
 */
export async function onStage(name: string, measure: (folder: string) => Promise<void>): Promise<never> {
  const folder = mkdtempSync(join(tmpdir(), `turnpike-${name}-`))
  // nginx serves files as another user when we are root.
  chmodSync(folder, 0o755)
  const cleanUp = async (): Promise<void> => {
    await stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
  const abandon = (): void => void cleanUp().then(() => process.exit(130))
  process.on('SIGINT', abandon)
  process.on('SIGTERM', abandon)
  onParentGone(abandon)
  execFileSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' })
  try {
    await measure(folder)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  } finally {
    await cleanUp()
  }
  process.exit()
}
