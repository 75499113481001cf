import type { Headers } from './headers.ts'

/** Takes what a {@link BodyFilter} makes of a body. */
export interface FilterOutput {
  /** Takes all of `bytes`, which are valid during the call only. */
  data(bytes: Buffer): void
}

/**
 * Changes a body as it passes, for protocols that are translated message by message. Made for one body by a step (`exchange.requestFilter`,
 * `exchange.responseFilter`), whose length then counts as unknown. All calls are synchronous, and none comes after one that threw.
 *
 * Throws a GatewayError for a body that is none: of the client's in a request (`request_body_invalid`), of the service's in a response
 * (`upstream_body_invalid`).
 */
export interface BodyFilter {
  /** Takes `bytes[start..end)`, valid during the call only, and gives what becomes of them to `output`: at once, or later. */
  onData(bytes: Buffer, start: number, end: number, output: FilterOutput): void
  /**
   * The body is whole: gives what is left to `output`.
   * @param trailers valid during the call only
   * @returns the trailers that go on in their place; null for none
   */
  onEnd(trailers: Headers | null, output: FilterOutput): Headers | null
}
