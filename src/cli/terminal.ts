import { styleText } from 'node:util'

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

/** `1 route`, `2 routes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}
