/** Text as it stands in a document that is written. */

/** What XML 1.0 has no place for (2.2, Char): controls, U+FFFE and U+FFFF, halves of surrogate pairs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to look for
const NOT_CHARS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u

/** Whether a document can carry a text. */
export function isXmlText(text: string): boolean {
  return !NOT_CHARS.test(text)
}

// A carriage return would be read as a line feed (2.11); `>` is escaped for the sake of `]]>`.
const IN_TEXT = /[&<>\r]/g
// Tabs and line feeds would be read as blanks (3.3.3).
const IN_ATTRIBUTE = /[&<>"\t\n\r]/g
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

function escapeOf(char: string): string {
  return ESCAPES[char] ?? ''
}

/** Text between tags. */
export function escapeText(text: string): string {
  return text.replaceAll(IN_TEXT, escapeOf)
}

/** The value of an attribute, within double quotes. */
export function escapeAttribute(text: string): string {
  return text.replaceAll(IN_ATTRIBUTE, escapeOf)
}
