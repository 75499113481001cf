import cluster from 'node:cluster'
import { join } from 'node:path'
import { WorkerProcess } from '../runtime/worker-process.ts'
import { enableOwnCompileCache } from './compile-cache.ts'

export interface StartOptions {
  /** The program of a worker; for tests. */
  readonly workerFile?: string
  /** Where the last good configuration of stores is kept; see `stateFolderName` for the default. */
  readonly stateDir?: string
  /** Leave out what of a Kong file cannot be carried over, with a warning. */
  readonly skipUnsupported?: boolean
}

/**
 * `turnpike start SOURCE…`: runs the gateway until a signal ends it.
 *
 * This process only controls: it reads the configuration, watches where it comes from, answers on the admin listener and looks after the workers,
 * which are processes of their own and carry all traffic.
 * @returns the exit status: 0 after a drain, 1 when the configuration is wrong or cannot be put into force
 */
export async function startCommand(sources: readonly string[], options: StartOptions = {}): Promise<number> {
  const fork = workerForker(options.workerFile ?? join(import.meta.dirname, `worker${fileExtension()}`))
  // A worker takes about as long to get ready as the configuration to be read: both begin at once.
  const firstWorker = fork()
  const { runControlProcess } = await import('./control-process.ts')
  return runControlProcess({
    sources,
    stateDir: options.stateDir ?? null,
    skipUnsupported: options.skipUnsupported ?? false,
    env: process.env,
    fork,
    firstWorker,
  })
}

/** The published package holds JavaScript, a clone TypeScript. */
function fileExtension(): string {
  return import.meta.filename.endsWith('.ts') ? '.ts' : '.js'
}

function workerForker(exec: string): () => WorkerProcess {
  // The kernel hands out connections from one shared socket, so that a worker which dies takes only its own with it.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec, serialization: 'advanced' })
  const cache = enableOwnCompileCache(process.env)
  const env = cache === null ? {} : { NODE_COMPILE_CACHE: cache }
  return () => new WorkerProcess(cluster.fork(env))
}
