/** Forms of several parts (RFC 7578), read strictly: what two readers could take for different fields is no form. */

export interface MultipartPart {
  /** The `name` of its Content-Disposition. */
  readonly name: string
  /** Its header fields, each with its line end, in Latin-1. */
  readonly head: string
  readonly body: Buffer
}

const PARTS_MAX = 1_000
/** RFC 2046, 5.1.1; blanks, which it allows within quotes, are read in several ways. */
const BOUNDARY = /;[ \t]*boundary=(?:"([!#-[\]-~]{1,70})"|([A-Za-z0-9'()+_./:=?-]{1,70}))[ \t]*(?=;|$)/gi
/** RFC 7578, 4.2: a name in quotes, once, without what must be escaped. */
const DISPOSITION = /^content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)$/im
const NAME = /;[ \t]*name="([^"\\\r\n]*)"[ \t]*(?=;|$)/gi
const ANY_NAME = /;[ \t]*name\*?[ \t]*=|content-disposition[ \t]*:/gi

/** The boundary in a Content-Type; null where there is not one. */
export function boundaryOf(contentType: string): string | null {
  const [found, ...others] = contentType.matchAll(BOUNDARY)
  const mentions = contentType.match(/boundary/gi)?.length ?? 0
  return found === undefined || others.length > 0 || mentions !== 1 ? null : (found[1] ?? found[2] ?? null)
}

/** The parts of a form, in order; null for what is no form, has a part without a plain name, or more than a thousand. */
export function splitParts(bytes: Buffer, boundary: string): readonly MultipartPart[] | null {
  const text = bytes.toString('latin1')
  const delimiter = `--${boundary}`
  if (!text.startsWith(delimiter) || hasLooseDelimiter(text, delimiter)) return null
  const parts: MultipartPart[] = []
  let at = delimiter.length
  while (!text.startsWith('--', at)) {
    const next = text.indexOf(`\r\n${delimiter}`, at)
    const blank = text.indexOf('\r\n\r\n', at)
    if (!text.startsWith('\r\n', at) || next === -1 || blank === -1 || blank + 2 > next || parts.length === PARTS_MAX) return null
    const head = text.slice(at + 2, blank + 2)
    const name = nameOf(head)
    if (name === null) return null
    parts.push({ name, head, body: bytes.subarray(blank + 4, Math.max(blank + 4, next)) })
    at = next + 2 + delimiter.length
  }
  return /^(\r\n)?$/.test(text.slice(at + 2)) ? parts : null
}

/** Whether a delimiter stands behind half a line end, which some readers take for a whole one. */
function hasLooseDelimiter(text: string, delimiter: string): boolean {
  for (let at = text.indexOf(delimiter, 1); at !== -1; at = text.indexOf(delimiter, at + 1)) {
    const before = text.slice(at - 2, at)
    if (before !== '\r\n' && /[\r\n]$/.test(before)) return true
  }
  return false
}

function nameOf(head: string): string | null {
  const [, parameters = ''] = DISPOSITION.exec(head) ?? []
  const [found] = parameters.matchAll(NAME)
  // The field itself, and its name, each once.
  if (found === undefined || head.match(ANY_NAME)?.length !== 2 || /\r(?!\n)|(?<!\r)\n|\r\n[ \t]/.test(head)) return null
  return Buffer.from(found[1] ?? '', 'latin1').toString()
}

export function joinParts(parts: readonly MultipartPart[], boundary: string): Buffer {
  const pieces = parts.flatMap(({ head, body }) => [Buffer.from(`--${boundary}\r\n${head}\r\n`, 'latin1'), body, Buffer.from('\r\n')])
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
}

/** A part that is a field of text. */
export function fieldPart(name: string, value: string): MultipartPart {
  return { name, head: `Content-Disposition: form-data; name="${quoted(name)}"\r\n`, body: Buffer.from(value) }
}

export function renamedPart(part: MultipartPart, name: string): MultipartPart {
  return { ...part, name, head: part.head.replace(/(;[ \t]*name=")[^"]*"/i, (_, before: string) => `${before}${quoted(name)}"`) }
}

/** As browsers write it (HTML, 4.10.21.8), in Latin-1 that holds UTF-8. */
function quoted(name: string): string {
  const escaped = name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  return Buffer.from(escaped).toString('latin1')
}
