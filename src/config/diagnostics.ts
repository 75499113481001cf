import { styleText } from 'node:util'
import type { SourceLocation } from './ir.ts'

/** Something to say about a configuration. An error keeps it from being used, a warning does not. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly location: SourceLocation
  /** One sentence: what is wrong, what was expected and what may have been meant. Never the value of an interpolation. */
  readonly message: string
  /** The line holds a secret that is written as it is: it is not shown below the message, which may end up in a log. */
  readonly lineIsSecret?: boolean
}

/** Problems by file, line and column; errors first where they share a place. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) =>
      compareText(a.location.file, b.location.file) ||
      a.location.line - b.location.line ||
      a.location.column - b.location.column ||
      compareText(a.severity, b.severity) ||
      compareText(a.message, b.message),
  )
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

export interface RenderOptions {
  /** Text of the files by name; a line of one that is not there is not shown. */
  readonly sources?: ReadonlyMap<string, string>
  readonly colour?: boolean
  /** Characters in a line of the terminal: a source line that is longer is shown in part, so that the caret stands below what it means. */
  readonly width?: number
}

const LINE_CHARS_MAX = 160
const LINE_CHARS_MIN = 40

/**
 * The problems for a person, sorted, each as `file:line:column: error: message` and, where its source is given, the line and a caret below
 * the column. Ends without a line feed.
 */
export function renderProblems(
  problems: readonly Problem[],
  { sources = new Map(), colour = false, width = LINE_CHARS_MAX }: RenderOptions = {},
): string {
  const paint = (style: 'bold' | 'red' | 'yellow' | 'dim', text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const blocks: string[] = []
  // Taken apart once: a large file may have thousands of problems.
  const linesOf = new Map<string, readonly string[]>()
  for (const { severity, location, message, lineIsSecret = false } of sortProblems(problems)) {
    const { file, line, column } = location
    const style = severity === 'error' ? 'red' : 'yellow'
    const place = paint('bold', `${printable(file)}:${line}:${column}:`)
    blocks.push(`${place} ${paint(style, `${severity}:`)} ${printable(message)}`)
    const lines = linesOf.get(file) ?? sources.get(file)?.split('\n') ?? []
    linesOf.set(file, lines)
    const source = lines[line - 1]?.trimEnd()
    if (lineIsSecret || source === undefined || source === '') continue
    const gutter = ' '.repeat(String(line).length)
    const { text, caret } = excerpt(source, column, Math.min(Math.max(width - gutter.length - 5, LINE_CHARS_MIN), LINE_CHARS_MAX))
    blocks.push(paint('dim', `  ${line} | `) + text, paint('dim', `  ${gutter} | `) + paint(style, caret))
  }
  return blocks.join('\n')
}

/** The part of a line around a column (from 1), of at most so many characters, and the line with the caret that goes below it. */
function excerpt(source: string, column: number, charsMax: number): { text: string; caret: string } {
  // What the column begins is to be seen as well: it is never in the last quarter of what is shown, unless the line ends there.
  const from = column > charsMax * 0.75 ? Math.max(Math.min(column - Math.floor(charsMax / 2), source.length - charsMax), 0) : 0
  const text = source.slice(from, from + charsMax)
  const before = text.slice(0, column - 1 - from)
  // A tab stays a tab, so that the caret stands below its character whatever the terminal's tab stops are.
  return { text: printable(text), caret: `${before.replaceAll(/[^\t]/g, ' ')}^` }
}

/** What a file says goes to a terminal: its control characters do not. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\t]/gu, '\ufffd')
}
