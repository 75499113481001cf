import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NearMiss } from '../../compile/near-misses.ts'
import { compileRouter, type RouteQuery, type Router } from '../../compile/router.ts'
import type { GatewayIr } from '../../config/ir.ts'
import {
  type DecisionFilter,
  type DecisionQuery,
  type DecisionRecord,
  type DecisionSummary,
  type KeptDecision,
  type WorkerDecisions,
  wasRouteSought,
} from '../../core/decision.ts'
import { Headers } from '../../core/headers.ts'
import { type DescribedRequest, headOf } from '../described-request.ts'
import type { Explanation, RequestOrigin } from '../explain.ts'
import { fieldsOf, shownMiss } from './redact.ts'
import { type Difference, differences, type HeaderChanges, headWith } from './what-if.ts'

/** Configurations kept for records of requests that came under them. */
const REVISIONS_MAX = 10
/** Routers made of them: one of 10,000 routes is large. */
const ROUTERS_MAX = 2
/** Requests that are judged or wait for it. Each one compiles the whole configuration, so that they are judged one after the other. */
const JUDGED_MAX = 8

export interface DecisionDeskParts {
  /** Asks all workers. */
  readonly ask: (query: DecisionQuery) => Promise<readonly WorkerDecisions[]>
  /** What would happen to a request, as `turnpike explain` says. @param head as bytes, its empty line included */
  readonly explain: (ir: GatewayIr, head: Buffer, origin: RequestOrigin) => Promise<Explanation>
}

/** Why a request was not judged, in a sentence without its full stop: what is wrong with it, or that too many others wait to be. */
export interface NotJudged {
  readonly problem: string
  readonly isBusy: boolean
}

/** What would happen to a described request, on the configuration in force. */
export interface Judged {
  readonly revision: string
  readonly explanation: Explanation
}

/** What there is of records: how many, how far back, and which workers do not say. */
export interface DecisionsKept {
  readonly count: number
  /** In ISO 8601; null where there is none. */
  readonly oldest: string | null
  /** Workers that did not answer. */
  readonly silent: readonly number[]
}

export interface DecisionList extends DecisionsKept {
  /** The newest first. */
  readonly decisions: readonly DecisionSummary[]
}

/** Why one request was answered as it was. */
export interface FoundDecision {
  readonly found: true
  readonly record: DecisionRecord
  /** Of the process that served it. */
  readonly worker: number
  /** Older requests with the same id. */
  readonly others: number
  /** Routes that came near, and where they dropped out; null when that configuration is not kept any more, or none was looked for. */
  readonly nearMisses: readonly NearMiss[] | null
}

export interface MissingDecision extends DecisionsKept {
  readonly found: false
}

/** What would differ with other headers, on the configuration in force. */
export interface WhatIf {
  readonly found: true
  readonly requestId: string
  /** In force now. */
  readonly revision: string
  /** When the request came. */
  readonly recordedRevision: string
  readonly differences: readonly Difference[]
  readonly before: Explanation
  readonly after: Explanation
}

/** Asks workers for their decision records, and adds what takes the whole configuration to say. In the control process. */
export class DecisionDesk {
  readonly #parts: DecisionDeskParts
  /** By their revisions, the newest last. */
  readonly #revisions = new Map<string, GatewayIr>()
  readonly #routers = new Map<string, Router<null>>()
  #running: GatewayIr | null = null
  #judging = 0
  #lastJudged: Promise<unknown> = Promise.resolve()

  constructor(parts: DecisionDeskParts) {
    this.#parts = parts
  }

  /** Takes note of the configuration that has come into force. */
  remember(ir: GatewayIr): void {
    this.#running = ir
    keep(this.#revisions, ir.revision, ir, REVISIONS_MAX)
  }

  /** @param max records at most */
  async newest(filter: DecisionFilter, max: number): Promise<DecisionList> {
    const answers = await this.#parts.ask({ kind: 'newest', filter, max })
    const all = answers.flatMap(({ decisions }) => decisions?.list ?? [])
    const decisions = all.sort((a, b) => (a.time < b.time ? 1 : Number(a.time === b.time) - 1)).slice(0, max)
    return { decisions, ...keptBy(answers) }
  }

  async find(requestId: string): Promise<FoundDecision | MissingDecision> {
    const answers = await this.#parts.ask({ kind: 'by-id', requestId })
    const [newest, ...others] = foundIn(answers)
    if (newest === undefined) return { found: false, ...keptBy(answers) }
    const { kept, worker } = newest
    return { found: true, record: kept.record, worker, others: others.length, nearMisses: this.#nearMisses(kept) }
  }

  /**
   * Has a recorded request judged once more, as it was and with other headers. Limits are those of a gateway that has just started, and times
   * are those of now.
   * @returns why not, when no request can have these headers say
   */
  async whatIf(requestId: string, changes: HeaderChanges): Promise<WhatIf | MissingDecision | NotJudged> {
    const answers = await this.#parts.ask({ kind: 'by-id', requestId })
    const [newest] = foundIn(answers)
    const ir = this.#running
    if (newest === undefined || ir === null) return { found: false, ...keptBy(answers) }
    const { record, head } = newest.kept
    if (head.path === '') return wrong('what came was no request that could be judged')
    const asItWas = headWith(record, head, {})
    const changed = headWith(record, head, changes)
    if ('problem' in changed) return wrong(changed.problem)
    if ('problem' in asItWas) return wrong(asItWas.problem)
    const origin = { peerAddress: record.client.peer, listener: record.listener, scheme: record.request.scheme }
    const judged = await this.#inTurn(async () => {
      const before = await this.#explain(ir, asItWas, origin)
      return { before, after: await this.#explain(ir, changed, origin) }
    })
    if (judged === null) return BUSY
    const { before, after } = judged
    const { revision: recordedRevision } = record
    return { found: true, requestId, revision: ir.revision, recordedRevision, differences: differences(before, after), before, after }
  }

  /**
   * Says what would happen to a request on the configuration in force, as `turnpike explain` does. Changes nothing, and asks no service; limits are
   * those of a gateway that nobody has used.
   * @param described with a URL or a path, and a Host among its headers in the second case
   * @param origin a listener that it names must be there
   */
  async judge(described: DescribedRequest, origin: RequestOrigin): Promise<Judged | NotJudged> {
    const ir = this.#running
    if (ir === null) return { problem: 'no configuration is in force yet', isBusy: true }
    const unfit = unfitListener(ir, origin)
    if (unfit !== null) return wrong(unfit)
    const head = headOf(described, '')
    if ('problem' in head) return wrong(head.problem)
    const explanation = await this.#inTurn(() => this.#explain(ir, head, origin))
    return explanation === null ? BUSY : { revision: ir.revision, explanation }
  }

  /** One after the other. @returns null when too many wait already */
  async #inTurn<T>(task: () => Promise<T>): Promise<T | null> {
    if (this.#judging >= JUDGED_MAX) return null
    this.#judging++
    // Whether the one before it failed is told to who asked for that.
    const turn = this.#lastJudged.then(task, task).finally(() => this.#judging--)
    this.#lastJudged = turn
    return turn
  }

  /** Others are served first: a row of these would hold up the answer to a probe of whether the process lives. */
  async #explain(ir: GatewayIr, head: Buffer, origin: RequestOrigin): Promise<Explanation> {
    await nextTurn()
    return this.#parts.explain(ir, head, origin)
  }

  #nearMisses({ record, head, secrets }: KeptDecision): readonly NearMiss[] | null {
    const ir = this.#revisions.get(record.revision)
    if (ir === undefined || !wasRouteSought(record)) return null
    const query: RouteQuery = { ...head, method: record.request.method, headers: Headers.from(fieldsOf(head.fields)) }
    const places = new Set(secrets)
    return this.#routerOf(ir)
      .explain(query)
      .filter(({ route }) => route !== record.route?.name)
      .map((miss) => shownMiss(miss, places))
  }

  #routerOf(ir: GatewayIr): Router<null> {
    const known = this.#routers.get(ir.revision)
    if (known !== undefined) return known
    const router = compileRouter(ir.routes.map(({ name, match, priority }) => ({ name, match, priority, value: null })))
    keep(this.#routers, ir.revision, router, ROUTERS_MAX)
    return router
  }
}

const BUSY: NotJudged = { problem: 'too many requests wait to be judged', isBusy: true }

function wrong(problem: string): NotJudged {
  return { problem, isBusy: false }
}

/** What is wrong with the listener that a request is to come by; null for nothing. */
function unfitListener({ listeners }: GatewayIr, { listener, scheme }: RequestOrigin): string | null {
  if (listener === null) return null
  const found = listeners.find(({ name }) => name === listener)
  if (found === undefined)
    return `there is no listener ${JSON.stringify(listener)}; there is ${listeners.map(({ name }) => name).join(', ')}`
  const speaks = found.tls === null ? 'http' : 'https'
  return scheme === null || scheme === speaks ? null : `the listener ${listener} speaks ${speaks}`
}

/** The newest stay. */
function keep<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}

function foundIn(answers: readonly WorkerDecisions[]): { readonly kept: KeptDecision; readonly worker: number }[] {
  return answers
    .flatMap(({ worker, decisions }) => (decisions?.found ?? []).map((kept) => ({ kept, worker })))
    .sort((a, b) => (a.kept.record.time < b.kept.record.time ? 1 : Number(a.kept.record.time === b.kept.record.time) - 1))
}

function keptBy(answers: readonly WorkerDecisions[]): DecisionsKept {
  const known = answers.flatMap(({ decisions }) => (decisions === null ? [] : [decisions]))
  const oldest = known.flatMap(({ oldestMs }) => (oldestMs === null ? [] : [oldestMs]))
  return {
    count: known.reduce((sum, { count }) => sum + count, 0),
    oldest: oldest.length === 0 ? null : new Date(Math.min(...oldest)).toISOString(),
    silent: answers.filter(({ decisions }) => decisions === null).map(({ worker }) => worker),
  }
}
