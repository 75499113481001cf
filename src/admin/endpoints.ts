import { json } from './answer.ts'
import { CACHE_ENDPOINTS } from './cache-endpoints.ts'
import { CONFIG_ENDPOINTS } from './config-endpoints.ts'
import { DASHBOARD_ENDPOINTS } from './dashboard-endpoints.ts'
import { DECISION_ENDPOINTS } from './decision-endpoints.ts'
import type { Endpoint } from './endpoint.ts'
import { EXPLAIN_ENDPOINTS } from './explain-endpoints.ts'
import { LIMIT_ENDPOINTS } from './limit-endpoints.ts'
import { ROUTE_ENDPOINTS } from './route-endpoints.ts'
import { SERVICE_ENDPOINTS } from './service-endpoints.ts'
import { STATE_ENDPOINTS } from './state-endpoints.ts'
import { TAP_ENDPOINTS } from './tap-endpoints.ts'
import { TRAFFIC_ENDPOINTS } from './traffic-endpoints.ts'

const DESCRIPTION: Endpoint = {
  method: 'GET',
  path: '/openapi.json',
  role: 'read',
  summary: 'This description, as OpenAPI 3.1.',
  response: { schema: null, type: 'application/json', description: 'An OpenAPI document.' },
  // Made of all schemas: no start waits for it.
  answer: async () => json((await import('./openapi.ts')).openApiDocument(ENDPOINTS)),
}

/** All there is on the admin listener. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...DASHBOARD_ENDPOINTS,
  ...STATE_ENDPOINTS,
  ...TRAFFIC_ENDPOINTS,
  ...SERVICE_ENDPOINTS,
  ...ROUTE_ENDPOINTS,
  ...CONFIG_ENDPOINTS,
  ...CACHE_ENDPOINTS,
  ...LIMIT_ENDPOINTS,
  ...DECISION_ENDPOINTS,
  ...EXPLAIN_ENDPOINTS,
  ...TAP_ENDPOINTS,
  DESCRIPTION,
]
