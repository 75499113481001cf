/** Media types compared with all their parameters. */

/** A type, or a range of them, with parameters. */
export const MEDIA_RANGE: RegExp =
  /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+([ \t]*;[ \t]*[\w!#$%&'*+.^`|~-]+=("[^"\\]*"|[\w!#$%&'*+.^`|~-]+))*[ \t]*;?[ \t]*$/

interface MediaType {
  readonly type: string
  readonly subtype: string
  /** Names and values, sorted. */
  readonly parameters: string
}

/** Whether a Content-Type is one of some: the same parameters, in any order, and no others. What cannot be read is none. */
export function compileMediaTypes(ranges: readonly string[] | undefined): (contentType: string | undefined) => boolean {
  if (ranges === undefined) return () => true
  const wanted = ranges.flatMap((range) => parse(range) ?? [])
  return (contentType) => {
    const found = contentType === undefined ? null : parse(contentType)
    if (found === null) return false
    return wanted.some(
      ({ type, subtype, parameters }) =>
        (type === '*' || type === found.type) && (subtype === '*' || subtype === found.subtype) && parameters === found.parameters,
    )
  }
}

function parse(text: string): MediaType | null {
  const trimmed = text.trim()
  if (!MEDIA_RANGE.test(trimmed)) return null
  const [essence = '', ...parameters] = trimmed.match(/(?:"[^"]*"|[^;"])+/g)?.map((part) => part.trim()) ?? []
  const [type = '', subtype = ''] = essence.toLowerCase().split('/')
  const written = parameters.filter((parameter) => parameter !== '').map(comparable)
  return { type, subtype, parameters: written.toSorted().join(';') }
}

/** Names, and values of charset, mean the same in any case; a value in quotes what it means without. */
function comparable(parameter: string): string {
  const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(parameter) ?? []
  const plain = value.replaceAll('"', '')
  return name.toLowerCase() === 'charset' ? `charset=${plain.toLowerCase()}` : `${name.toLowerCase()}=${plain}`
}
