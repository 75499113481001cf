/** Something that outlives a configuration: a key set, a cache, a connection. */
export interface Resource {
  /** No configuration needs it any more: timers and connections end. Exchanges that still run may use it once more. */
  close(): void
}

/** Keeps what must outlive a reload, under a key of exactly what gives it its meaning. */
export interface Resources {
  /**
   * The resource with this key, made by `create` when there is none. It lives for as long as the configuration in force asks for it.
   * @param key begins with the kind of the policy
   */
  keep<T extends Resource>(key: string, create: () => T): T
}

export interface HttpRequestOptions {
  readonly timeoutMs: number
  /** Largest body; more is an error. */
  readonly bytesMax: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface HttpAnswer {
  readonly status: number
  /** One value by name; null when the field is not there. */
  header(name: string): string | null
  readonly text: string
}

/** Fetches key sets, records and the like, beside the request path. */
export interface HttpClient {
  /** GET, without following redirects. Rejects when there is no whole answer within the bounds; the message may name hosts. */
  get(url: string, options: HttpRequestOptions): Promise<HttpAnswer>
}
