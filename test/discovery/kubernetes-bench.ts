/** What tests of discovery in Kubernetes share. */
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.ts'
import type { DiscoveryEvents, DiscoveryWatch, KubernetesApi, KubernetesRule } from '../../src/core/discovery.ts'
import type { ListWatchTimings } from '../../src/discovery/kubernetes/list-watch.ts'
import { watchKubernetes } from '../../src/discovery/kubernetes/watch.ts'
import { MetricsRegistry } from '../../src/telemetry/metrics.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { writeKubeconfig } from '../services/kubernetes-cluster.ts'
import type { NewObject } from '../services/kubernetes-store.ts'

/** Patient where waiting is not what a test is about, and quick to try again. */
const TIMINGS: ListWatchTimings = {
  watchMs: 600_000,
  silenceMs: 600_000,
  shortWatchMs: 0,
  answerMs: 20_000,
  backoffMs: 10,
  backoffMaxMs: 50,
  accessMs: 600_000,
  refreshMs: 0,
}

/** What a watch has told. */
export class Told implements DiscoveryEvents {
  /** `host:port` of each target; null before the first answer. */
  targets: readonly string[] | null = null
  degraded: string | null = null
  /** Every reason that was told. */
  readonly reasons: string[] = []
  /** Objects that were left out. */
  warned = 0
  watch: DiscoveryWatch | null = null
  #wake = Promise.withResolvers<void>()

  onTargets(targets: Parameters<DiscoveryEvents['onTargets']>[0]): void {
    this.targets = targets.map(({ host, port }) => `${host}:${port}`)
    this.#tell()
  }

  onDegraded(reason: string | null): void {
    if (reason !== null && reason !== this.degraded) this.reasons.push(reason)
    this.degraded = reason
    this.#tell()
  }

  /** Waits until the targets are these; the test's timeout bounds it. */
  async untilTargets(...targets: readonly string[]): Promise<void> {
    await this.until(() => this.targets !== null && this.targets.join() === targets.join())
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await this.#wake.promise
  }

  /** Waits for what the server sees, and this does not. */
  async untilRequest(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 2))
  }

  #tell(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

export interface WatchOptions {
  readonly api: KubernetesApi
  readonly namespace?: string
  readonly port?: KubernetesRule['port']
  readonly timings?: Partial<ListWatchTimings>
  readonly doubtMs?: number
  readonly env?: Readonly<Record<string, string>>
  readonly serviceAccountFolder?: string
}

/** Watches the service `api` until the test ends. */
export function watchService(t: TestContext, options: WatchOptions): Told {
  const { api, namespace = 'shop', port = null, timings, env = {}, serviceAccountFolder = '/nowhere', doubtMs = 60_000 } = options
  const told = new Told()
  const log = { info: () => {}, warn: () => void told.warned++, error: () => {} }
  told.watch = watchKubernetes(
    { kind: 'kubernetes', service: 'api', namespace, port, api },
    { log, metrics: new MetricsRegistry(), env },
    told,
    {
      clock: systemClock,
      timings: { ...TIMINGS, ...timings },
      serviceAccountFolder,
      doubtMs,
    },
  )
  t.after(() => told.watch?.close())
  return told
}

export interface OwnBench {
  readonly server: KubernetesApiServer
  readonly kubeconfig: string
  readonly told: Told
  /** Slice `name` of the service holds these addresses from now on. */
  readonly put: (name: string, ...addresses: readonly string[]) => void
  /** Requests of a verb so far. */
  readonly count: (verb: string) => number
}

/** The tests' own API with the endpoint 10.0.0.1, and a watch that is open. */
export async function ownBench(t: TestContext, options: Partial<WatchOptions> = {}): Promise<OwnBench> {
  const server = await KubernetesApiServer.start(t)
  const kubeconfig = writeKubeconfig(t, server)
  const put = (name: string, ...addresses: readonly string[]): void => server.store.put('endpointslices', 'shop', sliceOf(name, addresses))
  put('api-1', '10.0.0.1')
  const told = watchService(t, { api: { kind: 'kubeconfig', file: kubeconfig, context: null }, ...options })
  await told.untilRequest(() => server.watchCount === 1)
  return { server, kubeconfig, told, put, count: (verb) => server.requests.filter((request) => request.verb === verb).length }
}

const WEB = [{ name: 'web', port: 8080, protocol: 'TCP' }]

/** An EndpointSlice of the service `api`. */
export function sliceOf(name: string, addresses: readonly string[], ports: readonly unknown[] = WEB, ready = true): NewObject {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'api', 'endpointslice.kubernetes.io/managed-by': 'turnpike-tests' } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready } })),
    ports,
  }
}

/** The Service `api`, without a selector, so that nobody else makes slices for it. */
export function serviceOf(ports: readonly unknown[]): NewObject {
  return { metadata: { name: 'api' }, spec: { ports } }
}
