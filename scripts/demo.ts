/**
 * `npm start`: three demo services and Turnpike in front of them. `--watch` (`npm run dev`) starts Turnpike again when its source
 * changes. Ctrl-C or SIGTERM stops everything.
 */
import './node-guard.ts'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { IDENTITY_PORT, issueToken } from '../examples/quickstart/identity.ts'
import { SERVICES, startServices } from '../examples/quickstart/services.ts'
import { onParentGone } from './parent.ts'
import { paint, table } from './terminal.ts'

const ROOT = join(import.meta.dirname, '..')
const CONFIG = 'examples/quickstart/turnpike.yaml'
/** How long Turnpike may drain before it is killed. */
const STOP_TIMEOUT_MS = 15_000

function fail(sentence: string): never {
  process.stderr.write(`${paint('red', '✖')} ${sentence}\n`)
  process.exit(1)
}

function isTaken(error: unknown): error is { port: number } {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error
}

async function startServicesOrExit(): Promise<() => void> {
  try {
    return await startServices()
  } catch (error) {
    if (isTaken(error))
      fail(`Port ${error.port} is taken, and the demo's services need ${[...SERVICES.map(({ port }) => port), IDENTITY_PORT].join(', ')}.`)
    throw error
  }
}

/** Turnpike as a child with a process group of its own, so that Ctrl-C reaches it once, from us. */
function startTurnpike(): ChildProcess {
  const watch = process.argv.includes('--watch')
  const args = watch ? ['--watch-path=src', '--watch-preserve-output', 'src/main.ts', 'start', CONFIG] : ['bin/turnpike', 'start', CONFIG]
  const [program, ...rest] = watch ? [process.execPath, ...args] : args
  return spawn(program ?? '', rest, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], detached: process.platform !== 'win32' })
}

/** @param url where Turnpike listens, from its ready line */
function banner(url: string): string {
  const routes = SERVICES.map(({ name, port }) => [
    `  ${paint('cyan', `/api/v1/${name}/*`)}`,
    paint('dim', '→'),
    name,
    paint('dim', `127.0.0.1:${port}`),
  ])
  const curls = [
    [`curl -i ${url}/api/v1/users/1`, 'a user; again: from the cache'],
    [`curl -i ${url}/api/v1/orders`, 'with its headers'],
    [`curl -i ${url}/nowhere`, 'no route: refused with its cause'],
  ]
  const failing = [[`for i in $(seq 4); do curl -s ${url}/api/v1/orders/down; done`, 'its breaker opens meanwhile, for 10 s: circuit_open']]
  const payments = `-H "Authorization: Bearer $TOKEN" ${url}/api/v1/payments`
  const guarded = [
    [`curl -i ${url}/api/v1/payments`, 'no token: 401'],
    [`curl -i ${payments}`, 'with one: 200'],
    [`curl -i -X POST ${payments}`, 'ada may read payments only: 403'],
    [`for i in $(seq 8); do curl -s -o /dev/null -w '%{http_code} ' ${payments}; done`, 'five at once, then 429'],
  ]
  return [
    '',
    `${paint('bold', 'Turnpike')} listens on ${paint(['bold', 'green'], url)}, its admin side on http://127.0.0.1:9901`,
    '',
    table(routes),
    '',
    'Try',
    list(curls),
    '',
    'A service that fails: a fallback answers',
    list(failing),
    '',
    'A protected route, with a token for the user ada',
    `  export TOKEN=${issueToken('ada')}`,
    '',
    list(guarded),
    '',
    paint('dim', `Configuration: ${CONFIG} (edit it while this runs). Ctrl-C stops everything.`),
    '',
    '',
  ].join('\n')
}

/** Commands, each with what it shows beside it, or above it where it is long. */
function list(commands: readonly (readonly string[])[]): string {
  const short = commands.every(([command = '']) => command.length < 60)
  if (short) return table(commands.map(([command = '', what = '']) => [`  ${command}`, paint('dim', `# ${what}`)]))
  return commands.map(([command = '', what = '']) => `  ${paint('dim', `# ${what}`)}\n  ${command}`).join('\n')
}

const stopServices = await startServicesOrExit()
const turnpike = startTurnpike()
let stopping = false

function signalTurnpike(signal: NodeJS.Signals): void {
  if (turnpike.pid === undefined || turnpike.exitCode !== null) return
  // To the leader alone: it drains its workers. The whole group only when time is up.
  if (signal === 'SIGKILL' && process.platform !== 'win32') process.kill(-turnpike.pid, signal)
  else turnpike.kill(signal)
}

function stop(): void {
  if (stopping) return
  stopping = true
  signalTurnpike('SIGTERM')
  setTimeout(() => signalTurnpike('SIGKILL'), STOP_TIMEOUT_MS).unref()
}

process.on('SIGINT', stop)
process.on('SIGTERM', stop)
process.on('SIGHUP', stop)
onParentGone(stop)
turnpike.on('error', (error) => fail(`bin/turnpike does not start: ${error.message}`))
turnpike.on('exit', (code, signal) => {
  stopServices()
  if (!stopping) process.stderr.write(`${paint('red', '✖')} Turnpike ended by itself (${signal ?? `status ${code}`}), see above.\n`)
  process.exitCode = stopping ? 0 : 1
})

let shown = false
if (turnpike.stdout) {
  for await (const line of createInterface({ input: turnpike.stdout })) {
    const url = /\bready\b.*?(https?:\/\/[^\s,"]+)/.exec(line)?.[1]
    if (url !== undefined && !shown) {
      shown = true
      process.stdout.write(banner(url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '127.0.0.1').replace(/\/$/, '')))
    } else process.stdout.write(`${line}\n`)
  }
}
