/** What a scenario is. What there is, is in scenarios.ts. */
import type { Chain } from './chain.ts'
import type { Front } from './front.ts'
import type { Work } from './work.ts'

/** What a proxy has to be set up for. */
export interface Needs {
  /** What clients speak with it. */
  readonly front: Front
  /** Routes beside the one for everything. */
  readonly routes: number
  /** Where Turnpike keeps the limits of the whole chain; null for no chain. The others stay bare. */
  readonly chain: Chain | null
  /** What else a route does; null for passing requests on. */
  readonly work: Work | null
}

export const BARE: Needs = { front: 'http', routes: 0, chain: null, work: null }

/** Who is set up for what is not plain HTTP/1.1. */
export const PEERS: readonly string[] = ['turnpike', 'nginx', 'haproxy']

/** A proxy that is running and ready. */
export interface Subject {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** Milliseconds from its start to its first 200. */
  readonly startMs: number
}

/** Figures by name; the names carry the unit. */
export type Figures = Readonly<Record<string, number>>

export interface Scenario {
  readonly name: string
  readonly says: string
  readonly needs: Needs
  /** Who can do the same; all when it is left out. */
  readonly only?: readonly string[]
  /** Programs that it needs, besides those that every scenario does. */
  readonly programs?: readonly string[]
  /** Seconds of load before the first round; long where a state has to be filled. */
  readonly warmSeconds?: (proxy: string) => number
  /** Whether the proxy must be fresh for every round. */
  readonly fresh: boolean
  /** Looks once at what the proxy answers. Rejects when that is not what is to be measured. */
  check?(subject: Subject): Promise<void>
  measure(subject: Subject, seconds: number): Promise<Figures>
}
