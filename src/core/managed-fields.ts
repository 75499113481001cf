/**
 * Fields that configuration may not touch, in lower case: they are made anew for each connection (RFC 9110, 7.6.1) or say where a message
 * ends (RFC 9112, 6), and an edited one is how requests are smuggled.
 */
export const MANAGED_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
