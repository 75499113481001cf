import type { ServerResponse } from 'node:http'
import type { Json, KubeObject, StoredEvent } from './kubernetes-store.ts'

export interface WatchConnectionOptions {
  readonly response: ServerResponse
  /** `kind` and `apiVersion` of its objects. */
  readonly kind: Json
  readonly resource: string
  readonly fits: (object: KubeObject) => boolean
  /** Null when none are wanted. */
  readonly bookmarkMs: number | null
  readonly timeoutMs: number
  readonly version: () => number
}

/** One watch that a client has open: events as lines of JSON in a chunked body. */
export class WatchConnection {
  readonly #options: WatchConnectionOptions
  #isSilent = false
  #isOver = false
  readonly #timers: readonly NodeJS.Timeout[]

  constructor(options: WatchConnectionOptions) {
    this.#options = options
    const { response, bookmarkMs, timeoutMs, version } = options
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }).flushHeaders()
    this.#timers = [
      setTimeout(() => this.end(), timeoutMs),
      ...(bookmarkMs === null ? [] : [setInterval(() => this.bookmark(version()), bookmarkMs)]),
    ]
    response.on('close', () => {
      for (const timer of this.#timers) clearTimeout(timer)
    })
  }

  /** An object that begins to fit is added for this watch, and one that fits no more is deleted. */
  tell({ resource, before, object, isDeleted, version }: StoredEvent): void {
    if (resource !== this.#options.resource) return
    const didFit = before !== null && this.#options.fits(before)
    const doesFit = !isDeleted && this.#options.fits(object)
    if (doesFit) this.#send(didFit ? 'MODIFIED' : 'ADDED', object)
    else if (didFit) this.#send('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: `${version}` } })
  }

  add(object: KubeObject): void {
    this.#send('ADDED', object)
  }

  bookmark(version: number): void {
    if (this.#options.bookmarkMs !== null) this.#send('BOOKMARK', { metadata: { resourceVersion: `${version}`, creationTimestamp: null } })
  }

  fail(status: Json): void {
    this.write(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
    this.end()
  }

  end(): void {
    this.#isOver = true
    this.#options.response.end()
  }

  silence(): void {
    this.#isSilent = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  write(text: string): void {
    if (!this.#isSilent && !this.#isOver) this.#options.response.write(text)
  }

  /** In two chunks: where a chunk ends means nothing. */
  #send(type: string, object: Json): void {
    const line = `${JSON.stringify({ type, object: { ...this.#options.kind, ...object } })}\n`
    const middle = line.length >> 1
    this.write(line.slice(0, middle))
    this.write(line.slice(middle))
  }
}
