import type { RequestHead } from '../core/exchange.ts'
import { isPreflight } from '../core/preflight.ts'
import type { Reply } from '../core/reply.ts'
import type { RoutePlan } from './plan.ts'
import type { RouteMatch } from './router.ts'
import { refuseMethod, type Snapshot } from './snapshot.ts'

/**
 * The route that takes a request. A preflight goes to the route of the request that it asks for when a policy answers it there, for that
 * route alone knows who may read its answers; unless a route names `OPTIONS`, and so wants to answer by itself.
 */
export function findRoute({ router }: Snapshot, request: RequestHead): RouteMatch<RoutePlan> {
  const match = router.match(request)
  return request.method === 'OPTIONS' && isPreflight(request) ? routeOfPreflight(match, router, request) : match
}

function routeOfPreflight(match: RouteMatch<RoutePlan>, router: Snapshot['router'], request: RequestHead): RouteMatch<RoutePlan> {
  if (match.kind === 'found' && match.value.ir?.match.methods.includes('OPTIONS') === true) return match
  const { host, path, query, headers, port, serverName } = request
  const asked = router.match({ method: headers.get('Access-Control-Request-Method') ?? '', host, path, query, headers, port, serverName })
  if (asked.kind !== 'found' || asked.value.preflight === null) return match
  // The same route for both methods: it takes `OPTIONS` too, and its service may be asked.
  if (match.kind === 'found' && match.value === asked.value) return match
  return { ...asked, value: asked.value.preflight }
}

/** The answer when neither a policy nor a service gives one. */
export function unanswered(match: RouteMatch<RoutePlan> | null, plan: RoutePlan): Reply {
  return match?.kind === 'method-not-allowed' ? refuseMethod(match.allow) : plan.unanswered
}
