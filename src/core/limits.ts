/** Bounds of what one client connection may ask of us. Every number has a default and a unit in its name. */
export interface Limits {
  /** Largest request head (request line and fields) in bytes; more is 431. */
  readonly headBytesMax: number
  /** Largest number of fields in a request head; more is 431. */
  readonly headersMax: number
  /** Longest request target in bytes; more is 414. */
  readonly uriBytesMax: number
  /** Largest request body in bytes unless the route's `request-size` policy says otherwise; more is 413. */
  readonly bodyBytesMax: number
  /** From the first byte of a head to its last; more is 408. */
  readonly headTimeoutMs: number
  /** Longest silence within a request body; more is 408. */
  readonly bodyIdleTimeoutMs: number
  /** How long a connection may stay open between two requests. */
  readonly idleTimeoutMs: number
  /** Longest time in which a client takes none of the bytes that wait for it; then the connection is closed. */
  readonly writeIdleTimeoutMs: number
  /** How long a request goes on whose client has closed its sending side, before the client counts as gone. */
  readonly halfCloseGraceMs: number
  /** Connections one worker holds at once; one more is closed as soon as it is accepted. */
  readonly connectionsMax: number
  /** Requests that one HTTP/2 connection has under way at once; one more is refused (REFUSED_STREAM). */
  readonly streamsMax: number
  /** Bytes of request bodies that one worker holds at once for policies that look at whole bodies; more is 503. */
  readonly gatheredBytesMax: number
}

export const DEFAULT_LIMITS: Limits = {
  headBytesMax: 32 * 1024,
  headersMax: 100,
  uriBytesMax: 8 * 1024,
  bodyBytesMax: 100 * 1024 * 1024,
  headTimeoutMs: 10_000,
  bodyIdleTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  writeIdleTimeoutMs: 30_000,
  halfCloseGraceMs: 1_000,
  connectionsMax: 20_000,
  streamsMax: 100,
  gatheredBytesMax: 256 * 1024 * 1024,
}
