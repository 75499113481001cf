/** The static table (RFC 7541, Appendix A): names and values by index, from 1 on. */
const FIELDS: readonly (readonly [string, string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
]

export const STATIC_COUNT: number = FIELDS.length

/** All entries as field lines `name: value CRLF`, one behind the other, as {@link DynamicTable} holds its own. */
export const STATIC_BYTES: Buffer = Buffer.from(FIELDS.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'latin1')
/** Where the line of entry `index - 1` begins, and the lengths of its name and value. */
export const STATIC_STARTS: Int32Array = new Int32Array(FIELDS.length)
export const STATIC_NAME_LENGTHS: Int32Array = Int32Array.from(FIELDS, ([name]) => name.length)
export const STATIC_VALUE_LENGTHS: Int32Array = Int32Array.from(FIELDS, ([, value]) => value.length)
for (let i = 1; i < FIELDS.length; i++) {
  STATIC_STARTS[i] = (STATIC_STARTS[i - 1] as number) + (STATIC_NAME_LENGTHS[i - 1] as number) + (STATIC_VALUE_LENGTHS[i - 1] as number) + 4
}

/** The index of a status that has one of its own, else 0. */
export const STATUS_INDEX: Readonly<Record<number, number>> = { 200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14 }
