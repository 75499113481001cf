/**
 * `npm test [-- [--no-check] [text …]]`: check, then unit, wire and end-to-end tests in that order.
 *
 * A text keeps the test files whose path contains it. `npm run fuzz [-- [--inputs N] [--seed N] [--from N] [text …]]` runs the long
 * fuzzers of test/fuzz instead of everything else.
 * The closing lines (`# tests N`, `# pass N` …) are those of Node's test runner; CI reads them. In CI a skipped test is a failure,
 * unless its reason is in ALLOWED_SKIPS: what was not run was not shown.
 */
import './node-guard.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { inspect, parseArgs, stripVTControlCharacters } from 'node:util'
import { check } from './check.ts'
import { duration, LiveLine, paint } from './terminal.ts'

/** Reasons for which a test may be skipped in CI, each with why that is acceptable. */
const ALLOWED_SKIPS: readonly RegExp[] = []

/** A file that takes longer hangs. */
const FILE_TIMEOUT_MS = 180_000

/** How much of a test file's output is kept to be shown when it fails. */
const WRITTEN_CHARS_MAX = 20_000

const ROOT = join(import.meta.dirname, '..')

const { values: options, positionals: texts } = parseArgs({
  allowPositionals: true,
  options: {
    'no-check': { type: 'boolean' },
    fuzz: { type: 'boolean' },
    inputs: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string' },
  },
})

/** Test files, quick ones first, so that a plain mistake shows early. */
function findFiles(): string[] {
  const patterns = options.fuzz
    ? ['test/fuzz/**/*.fuzz.ts']
    : ['src/**/*.test.ts', 'web/**/*.test.ts', 'test/*.test.ts', 'test/*/**/*.test.ts']
  const rank = (file: string): number => (file.startsWith('src') || file.startsWith('web') ? 0 : file.startsWith('test/e2e') ? 2 : 1)
  return [...new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })))]
    .filter((file) => texts.length === 0 || texts.some((text) => file.includes(text)))
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

interface Place {
  readonly name: string
  readonly nesting: number
  readonly file?: string | undefined
  readonly line?: number | undefined
}

/** `src/core/headers.test.ts:12  a prefix matches whole segments` */
function placeOf({ name, file, line }: Place): string {
  return `${paint('dim', file === undefined ? '' : `${relative(process.cwd(), file)}${line === undefined ? '' : `:${line}`}  `)}${name}`
}

/** The cause of a failure with its stack, without the frames of Node itself. */
function explain(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const lines = inspect(cause, { colors: process.stdout.isTTY, depth: 8 }).split('\n')
  const ours = lines.filter(
    (line) => !/^\s+at .*node:|^\s+at .*\(<anonymous>\)|lines matching cause stack/.test(stripVTControlCharacters(line)),
  )
  return ours.map((line) => `    ${line}`).join('\n')
}

/** What one run has shown so far; prints progress while it goes and the rest at its end. */
class Report {
  readonly #fileCount: number
  readonly #line = new LiveLine()
  readonly #closing: string[] = []
  readonly #skipped: string[] = []
  /** What a file wrote, which tells of a failure what the assertion does not. */
  readonly #written = new Map<string, string>()
  #passed = 0
  #failed = 0
  #filesDone = 0

  constructor(fileCount: number) {
    this.#fileCount = fileCount
  }

  /** Listens to a run. @returns whether all went well, once it is over */
  async follow(events: ReturnType<typeof run>): Promise<boolean> {
    events.on('test:pass', (test) => {
      const { skip } = test
      if (skip !== undefined && skip !== false) this.#skipped.push(`${placeOf(test)}: ${skip === true || skip === '' ? 'no reason' : skip}`)
      else if (test.details.type !== 'suite') this.#passed += 1
      this.#show()
    })
    events.on('test:fail', (test) => {
      const { name, file, todo } = test
      const { error } = test.details
      if (todo !== undefined && todo !== false) return
      // A suite and a file fail because something within them did; that has been told already.
      if ('failureType' in error && error.failureType === 'subtestsFailed') return
      this.#failed += 1
      // A file that does not even load fails as a test of its own name, and only its output says why.
      const unloaded = file !== undefined && file === name
      this.#line.print(`${paint('red', '✖')} ${placeOf(test)}\n${unloaded ? this.#quote(file) : explain(error)}\n`)
    })
    const keep = ({ file, message }: { readonly file: string; readonly message: string }): void => {
      this.#written.set(file, ((this.#written.get(file) ?? '') + message).slice(-WRITTEN_CHARS_MAX))
    }
    events.on('test:stdout', keep)
    events.on('test:stderr', keep)
    events.on('test:summary', ({ file, counts, success, duration_ms: ms }) => {
      if (file === undefined) return
      this.#filesDone += 1
      const text = `${relative(process.cwd(), file)} ${paint('dim', `${counts.tests} tests, ${duration(ms)}`)}`
      if (!success) this.#line.print(`${paint('red', '✖')} ${text}\n${this.#quote(file)}`)
      else if (!process.stdout.isTTY) this.#line.print(`✔ ${text}`)
      this.#show()
    })
    events.on('test:diagnostic', ({ nesting, file, message }) => {
      if (nesting === 0 && file === undefined) this.#closing.push(`# ${message}`)
    })
    this.#show()
    events.resume()
    await finished(events)
    return this.#end()
  }

  #quote(file: string): string {
    return this.#written.get(file)?.replace(/^(?=.)/gm, '    │ ') ?? ''
  }

  #show(): void {
    const failed = this.#failed > 0 ? paint('red', `, ${this.#failed} failed`) : ''
    this.#line.show(`tests: ${this.#passed} passed${failed} · ${this.#filesDone} of ${this.#fileCount} files`)
  }

  #end(): boolean {
    this.#line.end()
    for (const text of this.#skipped) process.stdout.write(`${paint('yellow', '○ skipped')} ${text}\n`)
    const refused =
      process.env['CI'] === undefined ? [] : this.#skipped.filter((text) => !ALLOWED_SKIPS.some((allowed) => allowed.test(text)))
    if (refused.length > 0) process.stdout.write(`${paint('red', '✖')} ${refused.length} skipped in CI, where every test must run\n`)
    process.stdout.write(`${this.#closing.join('\n')}\n`)
    return this.#failed === 0 && refused.length === 0 && this.#passed > 0
  }
}

/** Runs test files, each in a process of its own. @returns whether all is well */
function runTests(files: readonly string[]): Promise<boolean> {
  const events = run({
    files: files.map((file) => join(ROOT, file)),
    concurrency: availableParallelism(),
    isolation: 'process',
    timeout: FILE_TIMEOUT_MS,
  })
  return new Report(files.length).follow(events)
}

/** Runs fuzzers one after the other, each a program of its own that shows its progress itself. @returns whether none found anything */
async function runFuzzers(files: readonly string[]): Promise<boolean> {
  const args = (['inputs', 'seed', 'from'] as const).flatMap((name) => {
    const value = options[name]
    return value === undefined ? [] : [`--${name}=${value}`]
  })
  let ok = true
  for (const file of files) {
    const child = spawn(process.execPath, [join(ROOT, file), ...args], { stdio: 'inherit' })
    await once(child, 'exit')
    ok = child.exitCode === 0 && ok
  }
  return ok
}

const checked = options['no-check'] || options.fuzz || texts.length > 0 || (await check())
const files = findFiles()
if (files.length === 0) process.stdout.write(`No test file matches ${texts.join(' ')}\n`)
const tested = files.length > 0 && (await (options.fuzz ? runFuzzers(files) : runTests(files)))
if (!checked) process.stdout.write(`${paint('red', '✖')} npm run check failed, see above\n`)
process.exitCode = checked && tested ? 0 : 1
