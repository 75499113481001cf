import { z } from 'zod'
import { SERIES_MAX_DEFAULT } from '../core/observe.ts'
import { integer, object } from '../core/schema.ts'

/** What is counted. */
export const metrics = object({
  seriesMax: integer({ min: 1, max: 1_000_000 })
    .default(SERIES_MAX_DEFAULT)
    .describe('Series of one metric. What has no place of its own is counted in one series more, whose labels all read `_other`.'),
  consumers: z
    .boolean()
    .default(false)
    .describe('Count requests by consumer too, in `gateway_consumer_requests_total`: a series for each consumer and class of status.'),
  kongNames: z
    .boolean()
    .default(false)
    .describe(
      'Tell connections and requests under the names of Kong too (`kong_nginx_connections_total`, `kong_node_info` and so on), for dashboards that were made for it. What is counted by route and service the policy `kong-metrics` tells.',
    ),
})
