/** What the oracle test uses of `http-cache-semantics`, which comes without types. */
declare module 'http-cache-semantics' {
  interface Message {
    readonly url?: string
    readonly method?: string
    readonly status?: number
    readonly headers: Readonly<Record<string, string>>
  }

  export default class CachePolicy {
    constructor(request: Message, response: Message, options: { readonly shared: boolean; readonly cacheHeuristic: number })
    /** Milliseconds since 1970. */
    now(): number
    storable(): boolean
    satisfiesWithoutRevalidation(request: Message): boolean
    age(): number
    maxAge(): number
    timeToLive(): number
  }
}
