import { object, z } from '../../../../core/schema.ts'
import { USERNAME_LABEL } from '../consumers.ts'
import type { KongPlugin, TranslatedPlugin } from '../types.ts'

const off = () => z.boolean().default(false)

const schema = object({
  per_consumer: off(),
  status_code_metrics: off(),
  latency_metrics: off(),
  bandwidth_metrics: off(),
  upstream_health_metrics: off(),
  ai_metrics: off(),
  wasm_metrics: off(),
})

type Config = z.output<typeof schema>

export const prometheus: KongPlugin<Config> = {
  name: 'prometheus',
  schema,
  rules: {
    config: {
      fidelity: 'approximated',
      reason:
        'metrics are at `/metrics` of the admin listener. Of the node `kong_nginx_*`, `kong_node_info` and `kong_datastore_reachable` are there; `kong_memory_*` and timers are not: see `gateway_worker_memory_bytes`. `egress` counts bodies alone',
    },
    'config.upstream_health_metrics': {
      fidelity: 'unsupported',
      reason: 'the health of targets is told by `gateway_targets`, by service and state',
    },
    'config.ai_metrics': { fidelity: 'unsupported', reason: 'no language models are asked here' },
    'config.wasm_metrics': { fidelity: 'unsupported', reason: 'no filters in WebAssembly are run here' },
  },
  translate(written, around): TranslatedPlugin {
    around.note('config')
    for (const key of ['upstream_health_metrics', 'ai_metrics', 'wasm_metrics'] as const)
      if (written[key]) around.note(`config.${key}`, [key])
    const options = {
      statusCodes: written.status_code_metrics,
      latencies: written.latency_metrics,
      bandwidth: written.bandwidth_metrics,
      consumers: written.per_consumer,
      ...(written.per_consumer && { consumer: `label:${USERNAME_LABEL}` }),
    }
    return { policies: [{ kind: 'kong-metrics', options }], root: { metrics: { kongNames: true } } }
  },
}
