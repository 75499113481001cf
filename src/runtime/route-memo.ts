import { findRoute } from '../compile/find-route.ts'
import type { RoutePlan } from '../compile/plan.ts'
import type { RouteMatch } from '../compile/router.ts'
import type { Snapshot } from '../compile/snapshot.ts'
import type { RequestHead, RpcKind } from '../core/exchange.ts'
import { rpcKindOf } from '../core/grpc.ts'

/**
 * What is found out from a request's head alone. A connection that sends the same head again (`request.serial`) in the same configuration
 * takes the same way, and need not be looked at.
 */
export class RouteMemo {
  /** Of the last request; null before the first. */
  match: RouteMatch<RoutePlan> | null = null
  /** The form of gRPC that the last client spoke. */
  rpc: RpcKind = 'none'
  #serial = 0
  /** Stands for the snapshot of the last match: the whole one would live on for as long as an idle connection or a WebSocket. */
  #matchedIn: RoutePlan | null = null

  find(snapshot: Snapshot, request: RequestHead): RouteMatch<RoutePlan> {
    const isSameHead = this.match !== null && this.#serial === request.serial
    if (!isSameHead) this.rpc = rpcKindOf(request)
    if (this.match === null || !isSameHead || this.#matchedIn !== snapshot.unmatched) this.match = findRoute(snapshot, request)
    this.#serial = request.serial
    this.#matchedIn = snapshot.unmatched
    return this.match
  }
}
