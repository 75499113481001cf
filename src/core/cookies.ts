/** The value of a cookie in a Cookie field (RFC 6265, 4.2.1); null when it is not there. */
export function cookieValue(field: string, name: string): string | null {
  for (const pair of field.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}
