import { stripVTControlCharacters, styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]
type Stream = NodeJS.WriteStream

/** Text in a style where the stream is a terminal that shows it; honours NO_COLOR and FORCE_COLOR. */
export function paint(style: Style, text: string, stream: Stream): string {
  return styleText(style, text, { stream })
}

/** Whether a stream shows colours. */
export function hasColour(stream: Stream): boolean {
  return paint('red', 'x', stream) !== 'x'
}

/** What text may use of a stream: colours, and the width of its lines where it is a terminal. */
export function terminalOf(stream: Stream): { readonly colour: boolean; readonly width?: number } {
  const colour = hasColour(stream)
  return stream.isTTY ? { colour, width: stream.columns } : { colour }
}

/** `1 route`, `2 routes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

/** Rows with their cells side by side, each column as wide as its widest cell; a row of one cell takes no part in that. Colours have no width. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    if (row.length > 1) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell))
  }
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max((widths[i] ?? 0) - width(cell), 0)))
      .join('  ')
      .trimEnd(),
  )
}

function width(text: string): number {
  return stripVTControlCharacters(text).length
}
