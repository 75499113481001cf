import type { Exchange } from '../../core/exchange.ts'
import type { Headers, HeadersMark } from '../../core/headers.ts'
import type { ResponseKey, ResponseLookup, StoredResponse } from '../../core/response-store.ts'
import type { Lease, Waiter } from './flights.ts'
import type { Recorder } from './recorder.ts'

/** Why a request is not answered from what is stored, in the words of Cache-Status (RFC 9211, 2.2). */
export type Forward = 'bypass' | 'method' | 'miss' | 'request' | 'stale'

/** An exchange that is answered with what is stored. */
export class Hit {
  readonly key: ResponseKey

  constructor(key: ResponseKey) {
    this.key = key
  }
}

/** An exchange that the cache has no part in. Shared: never changed. */
export class Pass {
  readonly forward: Forward
  readonly invalidates: boolean

  constructor(forward: Forward, invalidates: boolean) {
    this.forward = forward
    this.invalidates = invalidates
  }
}

/** An exchange that goes to the service, and whose response may be kept. */
export class Fill {
  readonly key: ResponseKey
  readonly lookup: ResponseLookup
  readonly forward: Forward
  /** Milliseconds since 1970. */
  requestedAtMs: number
  /** The fields as they were looked up with; later steps edit them for the service. */
  readonly mark: HeadersMark
  /** The stored response that the service was asked about; null for none. */
  validated: StoredResponse | null = null
  /** Held while others wait for this response. */
  lease: Lease | null = null
  waiter: Waiter | null = null
  /** Takes the body in, once it is to be kept. */
  recorder: Recorder | null = null
  /** The store has been given it, and ends the lease. */
  isBeingStored = false
  /** It is to be stored, as far as its head tells. */
  isStored = false
  /** It may be kept, or for HEAD the answer to GET may be. */
  isKeepable = false
  /** Status of the service's answer; 0 while there is none. */
  status = 0
  /** The answer tells its own Cache-Status. */
  isTold = false

  constructor(key: ResponseKey, lookup: ResponseLookup, forward: Forward, exchange: Exchange, nowMs: number) {
    this.key = key
    this.lookup = lookup
    this.forward = forward
    this.requestedAtMs = nowMs
    this.mark = exchange.request.headers.mark()
  }

  /** Calls back while the request's fields are as they were looked up with. */
  asLookedUp<T>(headers: Headers, read: () => T): T {
    const edited = headers.mark()
    headers.restore(this.mark)
    try {
      return read()
    } finally {
      headers.restore(edited)
    }
  }
}
