/** What the scripts print: colours where the terminal has them, one live line while something runs, plain tables. */
import { stripVTControlCharacters, styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

/** Text in a style; plain where the output is no terminal or NO_COLOR is set. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

/** A line at the foot of the terminal that is overwritten while work goes on. Prints nothing when the output is no terminal. */
export class LiveLine {
  readonly #live = process.stdout.isTTY && process.env['CI'] === undefined
  readonly #timer: NodeJS.Timeout | undefined
  #text = ''
  #frame = 0

  constructor() {
    if (this.#live) this.#timer = setInterval(() => this.#draw(), 100).unref()
  }

  /** Sets what is shown. */
  show(text: string): void {
    this.#text = text
    if (this.#live) this.#draw()
  }

  /** Prints lines above the live one. */
  print(text: string): void {
    process.stdout.write(`${this.#erase()}${text}\n`)
    if (this.#live) this.#draw()
  }

  /** Takes the line away. */
  end(): void {
    clearInterval(this.#timer)
    process.stdout.write(this.#erase())
  }

  #erase(): string {
    return this.#live ? '\r\u001b[K' : ''
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length
    const room = (process.stdout.columns || 80) - 3
    process.stdout.write(`${this.#erase()}${paint('cyan', FRAMES[this.#frame] ?? '')} ${this.#text.slice(0, room)}`)
  }
}

/** Columns side by side; those named in `right` are flushed right. Widths ignore colours. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const width = (text: string): number => stripVTControlCharacters(text).length
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width(cell))
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - width(cell))
        return right.includes(column) ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

/** Milliseconds for people: `840 ms`, `3.2 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
