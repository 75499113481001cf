import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Problem, renderProblems } from '../config/diagnostics.ts'
import { type FidelityReport, fidelityReport } from '../config/formats/kong/fidelity.ts'
import type { KongTranslation } from '../config/formats/kong/index.ts'
import { nativeText } from '../config/formats/kong/native-text.ts'
import { type Loaded, loadConfig, type NotLoaded } from '../config/load.ts'
import { POLICIES } from '../policies/index.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { renderReportPage } from './import-page.ts'
import { renderReport } from './import-report.ts'
import { loadText } from './load-text.ts'
import { count, hasColour, paint, terminalOf } from './terminal.ts'
import { verifyCommand } from './verify/verify-command.ts'

export const REPORT_FORMS = ['text', 'json', 'html'] as const

export interface ImportOptions {
  /** Where the native form goes; standard output unless given. */
  readonly output?: string | undefined
  readonly report: (typeof REPORT_FORMS)[number]
  /** Where the report goes; standard output, or standard error where the native form goes there. */
  readonly reportFile?: string | undefined
  readonly skipUnsupported: boolean
  /** Whether requests are run through both forms. */
  readonly verify: boolean
  /** Whether files that are there are written over. */
  readonly force: boolean
}

const EXIT_CONFIG = 1

/**
 * `turnpike import FILE`: a Kong file in the native form, and how well each thing of it is carried over.
 * @returns the exit status: 0, 1 when the file is wrong or something of it cannot be carried, or when the two forms differ
 */
export async function importCommand(file: string, options: ImportOptions): Promise<number> {
  const { stdout, stderr } = process
  const loaded = await load(file, options.skipUnsupported)
  if (!('ir' in loaded)) return refuse(file, loaded, options)
  const translation = loaded.kong[0]
  if (translation === undefined) return fail(`${file} is no Kong file: it has no \`_format_version\``)
  const text = nativeText(basename(file), translation)
  const target = options.output ?? file.replace(/(\.\w+)?$/, '.turnpike.yaml')
  const native = await loadText(target, text, { policies: POLICIES, env: process.env })
  if (!('ir' in native)) {
    stderr.write(`${renderProblems(native.problems, { sources: native.sources, ...terminalOf(stderr) })}\n`)
    return fail(`this is wrong in ${target}, which is not written. Paths in it start at its folder: write it beside ${file}`)
  }
  if (native.ir.revision !== loaded.ir.revision)
    return fail(`the native form does not mean what ${file} means, which is a mistake of turnpike: please report it`)
  const rest = loaded.warnings.filter((warning) => !isNote(warning, translation))
  if (rest.length > 0) stderr.write(`${renderProblems(rest, { sources: loaded.sources, ...terminalOf(stderr) })}\n`)
  try {
    if (options.output === undefined) stdout.write(text)
    // It may hold secrets: nobody else reads it.
    else await writeFile(options.output, text, { flag: options.force ? 'w' : 'wx', mode: 0o600 })
    await writeReport(fidelityReport(file, translation), options)
  } catch (error) {
    return fail(writeProblem(error))
  }
  if (options.output !== undefined) {
    const { services, routes, consumers } = loaded.ir
    const parts = [count(services.length, 'service'), count(routes.length, 'route'), count(consumers.length, 'consumer')]
    stderr.write(`${paint('green', '✔', stderr)} ${options.output} written: ${parts.join(', ')}, revision ${native.ir.revision}\n`)
  }
  return options.verify ? verifyCommand(translation, loaded.ir, native.ir) : 0
}

function load(file: string, skipUnsupported: boolean): Promise<Loaded | NotLoaded> {
  return loadConfig([file], { policies: POLICIES, env: process.env, skipUnsupported })
}

/** Says why a file is not taken. Where the reason is what cannot be carried alone, the report says the rest. */
async function refuse(file: string, { problems, sources }: NotLoaded, options: ImportOptions): Promise<number> {
  const { stderr } = process
  stderr.write(`${renderProblems(problems, { sources, ...terminalOf(stderr) })}\n`)
  const skipped = options.skipUnsupported ? null : await load(file, true)
  const translation = skipped !== null && 'ir' in skipped ? skipped.kong[0] : undefined
  if (translation === undefined) return fail(`${file} is not taken: nothing is written`)
  try {
    await writeReport(fidelityReport(file, translation), options)
  } catch (error) {
    return fail(writeProblem(error))
  }
  return fail('what is unsupported would be missing: nothing is written. `--skip-unsupported` leaves it out')
}

async function writeReport(report: FidelityReport, { report: form, reportFile, output, force }: ImportOptions): Promise<void> {
  const stream = output === undefined ? process.stderr : process.stdout
  const isTerminal = reportFile === undefined
  const look = isTerminal ? { colour: hasColour(stream), width: stream.columns ?? 80 } : { colour: false, width: 100 }
  const text =
    form === 'json' ? `${JSON.stringify(report, null, 2)}\n` : form === 'html' ? renderReportPage(report) : renderReport(report, look)
  if (isTerminal) stream.write(text)
  else await writeFile(reportFile, text, { flag: force ? 'w' : 'wx' })
}

/** Notes are in the report. */
function isNote({ message }: Problem, { notes }: KongTranslation): boolean {
  return notes.some(({ reason }) => message.includes(reason)) || message.includes('`turnpike import` lists them all')
}

function writeProblem(error: unknown): string {
  const { code, path } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, path: undefined }
  return code === 'EEXIST' ? `${path ?? 'the file'} is there already: \`--force\` writes over it` : sentenceOf(error)
}

function fail(sentence: string): number {
  process.stderr.write(`${paint('red', '✖', process.stderr)} ${sentence}\n`)
  return EXIT_CONFIG
}
