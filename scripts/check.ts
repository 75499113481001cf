/** `npm run check`: everything that can be said about the code without running it. Two steps at a time, all of them always. */
import './node-guard.ts'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { duration, LiveLine, paint, table } from './terminal.ts'

interface Step {
  readonly name: string
  readonly says: string
  readonly command: readonly string[]
}

interface Result {
  readonly step: Step
  readonly ok: boolean
  readonly ms: number
  readonly output: string
}

const BIN = join(import.meta.dirname, '..', 'node_modules', '.bin')
/** Longest time a step may take; a hanging one is a failure. */
const STEP_TIMEOUT_MS = 120_000

const STEPS: readonly Step[] = [
  { name: 'types', says: 'tsc', command: ['tsc', '-p', '.'] },
  { name: 'types of web', says: 'tsc, with the types of a browser', command: ['tsc', '-p', 'web'] },
  { name: 'biome', says: 'format, lint, import direction', command: ['biome', 'check', '--error-on-warnings', '--colors=force', '.'] },
  { name: 'boundaries', says: 'what Biome cannot say of imports', command: ['node', '--test', 'test/boundaries.test.ts'] },
  { name: 'oxlint', says: 'type-aware lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'knip', says: 'unused files, exports, packages', command: ['knip', '--no-progress'] },
  ...(existsSync(join(import.meta.dirname, 'generate.ts'))
    ? [{ name: 'generated', says: 'generated files are current', command: ['node', 'scripts/generate.ts', '--check'] }]
    : []),
]

/** Without colours where nobody sees them: not every tool asks. */
function plain(text: string): string {
  return process.stdout.isTTY ? text : stripVTControlCharacters(text)
}

function run(step: Step): Promise<Result> {
  const startedAt = performance.now()
  const [program = '', ...args] = step.command
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }
  const useArgs = process.stdout.isTTY ? args : args.filter((arg) => !arg.startsWith('--colors'))
  const child = spawn(join(BIN, program), useArgs, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: STEP_TIMEOUT_MS,
    shell: process.platform === 'win32',
    env: { ...process.env, ...colour },
  })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return new Promise((resolve) => {
    const finish = (ok: boolean): void => resolve({ step, ok, ms: performance.now() - startedAt, output: plain(output.trim()) })
    child.on('error', (error) => {
      output += error.message
      finish(false)
    })
    child.on('close', (code) => finish(code === 0))
  })
}

/** Runs all steps and prints what failed, then a table. @returns whether all is well */
export async function check(): Promise<boolean> {
  const line = new LiveLine()
  const waiting = [...STEPS]
  const running = new Set<string>()
  const results: Result[] = []
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      running.add(step.name)
      line.show(`check: ${[...running].join(', ')} (${results.length} of ${STEPS.length} done)`)
      const result = await run(step)
      running.delete(step.name)
      results.push(result)
      if (!result.ok) line.print(`${paint('red', `── ${step.name} ──`)}\n${result.output}\n`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work))
  line.end()

  const rows = STEPS.flatMap((step) => results.filter((result) => result.step === step)).map(({ step, ok, ms }) => [
    ok ? paint('green', '✔') : paint('red', '✖'),
    step.name,
    paint('dim', duration(ms)),
    ok ? paint('dim', step.says) : paint('red', 'failed'),
  ])
  process.stdout.write(`${table(rows, [2])}\n`)
  return results.every(({ ok }) => ok)
}

if (import.meta.main) process.exitCode = (await check()) ? 0 : 1
