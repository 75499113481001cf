import { isIP } from 'node:net'
import { compileSnapshot, loadPolicies, type Snapshot } from '../compile/snapshot.ts'
import type { GatewayIr } from '../config/ir.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import type { Metrics } from '../core/observe.ts'
import { NO_OUTPUTS } from '../core/record-output.ts'
import { TimerWheel } from '../core/timers.ts'
import { POLICIES } from '../policies/index.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { type DescribedRequest, headOf, PEER_ADDRESS } from '../runtime/described-request.ts'
import { type Explanation, explainRequest, type RequestOrigin } from '../runtime/explain.ts'
import { httpClient } from '../runtime/http-client.ts'
import { type Lease, ResourceRegistry } from '../runtime/resources.ts'
import { createStores } from '../stores/index.ts'
import { resilienceMetrics } from '../telemetry/gateway-metrics.ts'
import { timers } from '../upstream/scheduler.ts'
import { Service } from '../upstream/service.ts'
import { type LoadedConfig, loadDocuments, readSources } from './config-source.ts'
import { renderExplanation } from './explain-view.ts'
import { SILENT_LOG } from './silent-log.ts'
import { paint } from './terminal.ts'

export interface ExplainCommandOptions {
  /** Each `Name: value`. */
  readonly header: readonly string[]
  /** Address that the request comes from; an address of nobody's when it is left out. */
  readonly from?: string | undefined
  /** Print the explanation as JSON. */
  readonly json: boolean
  /** See `LoadOptions.skipUnsupported`. */
  readonly skipUnsupported: boolean
}

const EXIT_CONFIG = 1
const EXIT_USAGE = 2

/** Chance and ids are the same each time, so that two explanations differ only where the configurations do. */
const CLOCK: Clock = { ...systemClock, random: () => 0, uuid: () => '00000000-0000-4000-8000-000000000000' }

/**
 * `turnpike explain SOURCE METHOD URL`: what would happen to a request, on standard output. Opens no port. Asks no service, and no store: only
 * where keys or user records come from, for a verdict on the credentials that were described.
 * @returns the exit status: 0, 1 when the configuration is wrong, 2 when what was described is no request
 */
export async function explainCommand(source: string, method: string, url: string, options: ExplainCommandOptions): Promise<number> {
  const { stdout, stderr } = process
  const loaded = await load(source, options.skipUnsupported)
  const problems = loaded.ok ? loaded.warnings : loaded.problems
  if (problems !== '') stderr.write(`${problems}\n`)
  if (!loaded.ok) return EXIT_CONFIG
  const explanation = await explain(loaded.ir, { method, url, headers: options.header }, options.from)
  if ('problem' in explanation) {
    stderr.write(`turnpike: ${explanation.problem}\n`)
    return EXIT_USAGE
  }
  const text = options.json
    ? JSON.stringify(explanation, null, 2)
    : renderExplanation(explanation, (style, part) => paint(style, part, stdout))
  stdout.write(`${text}\n`)
  return 0
}

async function load(source: string, skipUnsupported: boolean): Promise<LoadedConfig> {
  try {
    return await loadDocuments(await readSources([source], { env: process.env, log: SILENT_LOG }), { env: process.env, skipUnsupported })
  } catch (error) {
    return { ok: false, problems: sentenceOf(error), files: [], warnings: '', text: null }
  }
}

/** Explains a request as it was described. @returns what is wrong with the description when it is no request. */
export async function explain(
  ir: GatewayIr,
  described: DescribedRequest,
  from = PEER_ADDRESS,
): Promise<Explanation | { readonly problem: string }> {
  const head = headOf(described, `localhost:${ir.listeners[0]?.port ?? 80}`)
  if ('problem' in head) return head
  if (isIP(from) === 0) return { problem: `expected an address, found "${from}"` }
  return explainHead(ir, head, { peerAddress: from, listener: null, scheme: schemeOf(described.url) })
}

/** What a described request comes by; null for a path alone. */
function schemeOf(url: string): RequestOrigin['scheme'] {
  return /^https:/i.test(url) ? 'https' : /^http:/i.test(url) ? 'http' : null
}

/** Explains a request by its head as bytes. Leaves nothing behind: whatever it opened to ask for keys or records is closed. */
export async function explainHead(ir: GatewayIr, head: Buffer, origin: RequestOrigin): Promise<Explanation> {
  await loadPolicies(ir, POLICIES)
  const lease = new ResourceRegistry().lease()
  try {
    return await explainRequest(compileForShow(ir, lease), head, { clock: CLOCK, ...origin })
  } finally {
    lease.abandon()
  }
}

/** The snapshot that a worker would have. Its services are real ones; they connect when they are asked to, and nobody asks. */
function compileForShow(ir: GatewayIr, resources: Lease): Snapshot {
  const log = SILENT_LOG
  const services = new Map(
    ir.services.map((service) => {
      const metrics = resilienceMetrics(NO_METRICS, service.name)
      const context = {
        wheel: new TimerWheel(),
        connections: NO_NUMBER,
        connectionsIdle: NO_NUMBER,
        connectionsTotal: NO_NUMBER,
        log,
        scheduler: timers,
        metrics,
        onUnreachable: ignore,
      }
      const made = new Service(service, CLOCK, context)
      // No registry is asked: the place of its answer is held by one target.
      made.setTargets([{ host: 'discovered', port: service.discovery?.kind === 'dns' ? (service.discovery.port ?? 80) : 80, weight: 1 }])
      return [service.name, made]
    }),
  )
  const parts = {
    clock: CLOCK,
    log,
    metrics: NO_METRICS,
    resources,
  }
  const stores = createStores(ir.stores, parts)
  return compileSnapshot(ir, {
    ...parts,
    policies: POLICIES,
    http: httpClient,
    // What is asked about has not happened.
    outputs: NO_OUTPUTS,
    // Counting where the running gateway counts would change what it does: every store is a memory of this process alone.
    stores: { limits: () => stores.limits('memory'), values: () => null, responses: () => stores.responses('memory') },
    service(name) {
      const service = services.get(name)
      if (service === undefined) throw new Error(`no service ${name}`)
      return service
    },
  })
}

function ignore(): void {}

const NO_NUMBER = { add: ignore, set: ignore, observe: ignore }
const NO_METRICS: Metrics = { counter: () => NO_NUMBER, gauge: () => NO_NUMBER, histogram: () => NO_NUMBER }
