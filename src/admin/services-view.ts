import type { DiscoveryState } from '../runtime/discoveries.ts'
import type { WorkerServices } from '../runtime/workers.ts'
import type { BreakerPosition, ServiceState, TargetHealthName } from '../upstream/service-state.ts'

/** The answer of `/services`: sums and counts over all workers first, then what each of them sees. */
export interface ServicesView {
  /** Every worker that was asked, by number. */
  readonly workers: readonly { readonly worker: number; readonly pid: number; readonly answered: boolean; readonly reason?: string }[]
  /** In the order of the configuration. */
  readonly services: readonly ServiceView[]
}

export interface ServiceView {
  readonly name: string
  /** Null where the targets are listed. */
  readonly discovery: Omit<DiscoveryState, 'lookups'> | null
  /** How many workers have the breaker in each position; null where the service has none. */
  readonly breaker: Counts<BreakerPosition> | null
  readonly inFlight: number
  readonly queued: number
  /** Whether any worker uses all targets because too few are usable. */
  readonly panic: boolean
  readonly targets: readonly TargetView[]
  readonly perWorker: readonly ({ readonly worker: number } & Omit<ServiceState, 'name'>)[]
}

export interface TargetView {
  readonly address: string
  readonly weight: number
  /** How many workers see it in each state of health. */
  readonly health: Counts<TargetHealthName>
  /** Whether an operator has taken it out. */
  readonly drained: boolean
  readonly inFlight: number
  readonly connections: number
  /** What went wrong last, each thing once. */
  readonly reasons: readonly string[]
}

type Counts<Name extends string> = Readonly<Partial<Record<Name, number>>>

/** Puts together what the workers say: each of them has breakers and checks of its own, so that they may differ. */
export function servicesView(
  answers: readonly WorkerServices[],
  discoveries: ReadonlyMap<string, DiscoveryState> = new Map(),
): ServicesView {
  const sorted = answers.toSorted((a, b) => a.worker - b.worker)
  // A map keeps the order of the first worker; one that is about to take another configuration may have more.
  const byName = new Map<string, WorkerState[]>()
  for (const { worker, services } of sorted) {
    for (const state of services ?? []) {
      const states = byName.get(state.name) ?? []
      states.push({ worker, state })
      byName.set(state.name, states)
    }
  }
  return {
    workers: sorted.map(({ worker, pid, services, reason }) => ({
      worker,
      pid,
      answered: services !== null,
      ...(reason !== null && { reason }),
    })),
    services: [...byName].map(([name, states]) => serviceView(name, states, discoveries.get(name) ?? null)),
  }
}

interface WorkerState {
  readonly worker: number
  readonly state: ServiceState
}

function serviceView(name: string, states: readonly WorkerState[], discovery: DiscoveryState | null): ServiceView {
  const all = states.map(({ state }) => state)
  const positions = all.flatMap(({ breaker }) => (breaker === null ? [] : [breaker.state]))
  return {
    name,
    discovery: discovery === null ? null : { kind: discovery.kind, targets: discovery.targets, degraded: discovery.degraded },
    breaker: positions.length === 0 ? null : countsOf(positions),
    inFlight: sumOf(all.map(({ inFlight }) => inFlight)),
    queued: sumOf(all.map(({ queued }) => queued)),
    panic: all.some(({ panic }) => panic),
    targets: targetViews(all),
    perWorker: states.map(({ worker, state: { breaker, inFlight, queued, panic, targets } }) => {
      return { worker, breaker, inFlight, queued, panic, targets }
    }),
  }
}

function targetViews(states: readonly ServiceState[]): TargetView[] {
  const byAddress = Map.groupBy(
    states.flatMap(({ targets }) => targets),
    ({ address }) => address,
  )
  return [...byAddress].map(([address, targets]) => ({
    address,
    weight: Math.max(...targets.map(({ weight }) => weight)),
    health: countsOf(targets.map(({ health }) => health)),
    drained: targets.some(({ drained }) => drained),
    inFlight: sumOf(targets.map(({ inFlight }) => inFlight)),
    connections: sumOf(targets.map(({ connections }) => connections)),
    reasons: [...new Set(targets.flatMap(({ reason }) => reason ?? []))],
  }))
}

function countsOf<Name extends string>(names: readonly Name[]): Counts<Name> {
  const counts: Partial<Record<Name, number>> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
