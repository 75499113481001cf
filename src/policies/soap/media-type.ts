/** Media types of bodies (RFC 9110, 8.3.1). */

const TYPE = /^[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*((?:;[^,]*)?)$/
const CHARSET = /;[ \t]*charset=("?)([^";]*)\1[ \t]*(?=;|$)/gi

export interface MediaType {
  /** In lower case. */
  readonly type: string
  /** Empty for none. */
  readonly charset: string
}

/** The media type of a field's value; undefined for none, for several, and for several charsets. */
export function mediaTypeOf(field: string | undefined): MediaType | undefined {
  const [match, type = '', parameters = ''] = TYPE.exec(field ?? '') ?? []
  if (match === undefined) return undefined
  const charsets = [...parameters.matchAll(CHARSET)].map(([, , charset = '']) => charset.trim())
  return charsets.length > 1 ? undefined : { type: type.toLowerCase(), charset: charsets[0] ?? '' }
}

export function isJson({ type, charset }: MediaType): boolean {
  return (type === 'application/json' || type === 'text/json' || type.endsWith('+json')) && /^(?:utf-?8|us-ascii)?$/i.test(charset)
}

/** Whether a body of the type may be an envelope. */
export function isSoap({ type }: MediaType): boolean {
  return type === 'text/xml' || type === 'application/soap+xml' || type === 'application/xml'
}
