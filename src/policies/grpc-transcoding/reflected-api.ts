import { hash } from 'node:crypto'
import type { FileRegistry } from '@bufbuild/protobuf'
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import type { Logger } from '../../core/observe.ts'
import type { CompileContext } from '../../core/policy.ts'
import type { Resource } from '../../core/resources.ts'
import { type Api, type ApiOptions, buildApi } from './api.ts'
import { encodeDescriptorSet, inOrder, registryOf } from './descriptor-set.ts'
import { type ReflectionTarget, reflectFiles } from './reflection-client.ts'

export interface ReflectionOptions extends ReflectionTarget {
  /** Milliseconds between two questions. */
  readonly refresh: number
}

const RETRY_MS = 1_000
const RETRY_MAX_MS = 30_000
/** Least time between two questions that failing calls ask for. */
const GAP_MS = 5_000

/** What a service says of itself, as an API. Several policies that ask the same service share its answers. */
export class ReflectedApi {
  readonly #source: ReflectedFiles
  readonly #options: ApiOptions
  readonly #log: Logger
  #version = 0
  #api: Api | null = null

  /** @param base files that the service need not have */
  constructor(reflection: ReflectionOptions, base: readonly FileDescriptorProto[], options: ApiOptions, context: CompileContext) {
    const { services } = options
    const key = `grpc-transcoding:${hash('sha256', JSON.stringify([reflection, services]))}`
    this.#source = context.resources.keep(key, () => new ReflectedFiles(reflection, services, base, context.log))
    this.#options = options
    this.#log = context.log
  }

  /** Null until the service has answered once. */
  get api(): Api | null {
    const { registry, version } = this.#source
    if (registry === null || version === this.#version) return this.#api
    this.#version = version
    this.#api = buildApi(registry, this.#options)
    const { problems, routes } = this.#api
    if (problems.length > 0) this.#log.warn({ problems: problems.slice(0, 10) }, 'rules of a reflected service are left out')
    this.#log.info({ routes: routes.length }, 'a reflected service is offered as REST')
    return this.#api
  }

  /** A call failed as one of a method that is not there. */
  refresh(): void {
    this.#source.refreshSoon()
  }
}

/** Asks a service again and again; while it does not answer, what it said last stays in force. */
class ReflectedFiles implements Resource {
  readonly #reflection: ReflectionOptions
  readonly #services: readonly string[] | undefined
  readonly #base: readonly FileDescriptorProto[]
  readonly #baseRegistry: FileRegistry
  readonly #log: Logger
  readonly #closed = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #failures = 0
  #startedAt = 0
  #isAsking = false
  #fingerprint = ''
  registry: FileRegistry | null = null
  /** Another number when the files are others. */
  version = 0

  constructor(reflection: ReflectionOptions, services: readonly string[] | undefined, base: readonly FileDescriptorProto[], log: Logger) {
    this.#reflection = reflection
    this.#services = services
    this.#base = base
    this.#baseRegistry = registryOf(base)
    this.#log = log
    void this.#ask()
  }

  refreshSoon(): void {
    if (this.#isAsking || Date.now() - this.#startedAt < GAP_MS) return
    void this.#ask()
  }

  close(): void {
    this.#closed.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    this.#isAsking = true
    this.#startedAt = Date.now()
    let waitMs = this.#reflection.refresh
    try {
      this.#take(await reflectFiles(this.#reflection, this.#services, this.#baseRegistry, this.#closed.signal))
      this.#failures = 0
    } catch (error) {
      waitMs = Math.min(waitMs, RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(this.#failures, 20))
      this.#failures++
      if (!this.#closed.signal.aborted) this.#tell(error)
    }
    this.#isAsking = false
    if (this.#closed.signal.aborted) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#ask(), waitMs)
    this.#timer.unref()
  }

  #take(files: readonly FileDescriptorProto[]): void {
    const fingerprint = hash('sha256', encodeDescriptorSet(files))
    if (fingerprint === this.#fingerprint) return
    this.registry = registryOf(inOrder([...files, ...this.#base], []))
    this.#fingerprint = fingerprint
    this.version++
  }

  #tell(error: unknown): void {
    const { address } = this.#reflection
    const inUse = this.registry === null ? 'no call can be made yet' : 'what it said last stays in force'
    const reason = error instanceof Error ? error.message : String(error)
    this.#log.warn({ address, failures: this.#failures, reason }, `a service does not say what it offers: ${inUse}`)
  }
}
