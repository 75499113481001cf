/** Turnpike as a child of a script, together with services that the script runs itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onParentGone } from './parent.ts'
import { paint } from './terminal.ts'

const ROOT = join(import.meta.dirname, '..')
/** How long Turnpike may drain before it is killed. */
const STOP_TIMEOUT_MS = 15_000

export interface Supervised {
  /** The configuration's path from the root of the repository. */
  readonly config: string
  /** Starts Turnpike again when its source changes. */
  readonly watch: boolean
  readonly stopServices: () => void
  /** What is shown once Turnpike listens at this URL. */
  readonly banner: (url: string) => string
}

/** Ends the script with one sentence that says what is wrong. */
export function fail(sentence: string): never {
  process.stderr.write(`${paint('red', '✖')} ${sentence}\n`)
  process.exit(1)
}

/** The port that a service could not have; undefined for another error. */
export function takenPort(error: unknown): number | undefined {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error
  return isTaken && typeof error.port === 'number' ? error.port : undefined
}

/** Runs Turnpike until a signal comes or it ends by itself, and then stops the services. */
export async function supervise({ config, watch, stopServices, banner }: Supervised): Promise<void> {
  const turnpike = startTurnpike(config, watch)
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    signal(turnpike, 'SIGTERM')
    setTimeout(() => signal(turnpike, 'SIGKILL'), STOP_TIMEOUT_MS).unref()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop)
  onParentGone(stop)
  turnpike.on('error', (error) => fail(`bin/turnpike does not start: ${error.message}`))
  turnpike.on('exit', (code, by) => {
    stopServices()
    if (!stopping) process.stderr.write(`${paint('red', '✖')} Turnpike ended by itself (${by ?? `status ${code}`}), see above.\n`)
    process.exitCode = stopping ? 0 : 1
  })
  let shown = false
  if (turnpike.stdout === null) return
  for await (const line of createInterface({ input: turnpike.stdout })) {
    const url = /\bready\b.*?(https?:\/\/[^\s,"]+)/.exec(line)?.[1]
    if (url === undefined || shown) process.stdout.write(`${line}\n`)
    else {
      shown = true
      process.stdout.write(banner(url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '127.0.0.1').replace(/\/$/, '')))
    }
  }
}

/** In a process group of its own, so that Ctrl-C reaches it once, from us. */
function startTurnpike(config: string, watch: boolean): ChildProcess {
  const args = watch ? ['--watch-path=src', '--watch-preserve-output', 'src/main.ts', 'start', config] : ['bin/turnpike', 'start', config]
  const [program, ...rest] = watch ? [process.execPath, ...args] : args
  return spawn(program ?? '', rest, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], detached: process.platform !== 'win32' })
}

function signal(turnpike: ChildProcess, name: NodeJS.Signals): void {
  if (turnpike.pid === undefined || turnpike.exitCode !== null) return
  // To the leader alone: it drains its workers. The whole group only when time is up.
  if (name === 'SIGKILL' && process.platform !== 'win32') process.kill(-turnpike.pid, name)
  else turnpike.kill(name)
}
