/** Texts of clients as parts of a line of JSON: pure ASCII, bounded. */

/** Everything but printable ASCII without quote and backslash. */
const NEEDS_ESCAPE = /[^\u0020-\u007e]|["\\]/
const ESCAPED_CHARACTERS = /[^\u0020-\u007e]|["\\]/g

/** The inside of a JSON string. */
export function escapeText(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replace(ESCAPED_CHARACTERS, escapeCharacter) : text
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A line of JSON with all escaped in it that is not ASCII, which in JSON can stand in texts only. */
export function escapeNonAscii(line: string): string {
  return line.replace(/[\u0080-\uffff]/g, escapeCharacter)
}
