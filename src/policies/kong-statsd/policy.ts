import { hostname } from 'node:os'
import { latenciesOf, noteAttempt, noteHead } from '../../core/latencies.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { RecordOutput } from '../../core/record-output.ts'
import { compileLines } from './lines.ts'
import type { KongStatsdOptions } from './schema.ts'

export const kongStatsd: PolicyDefinition<KongStatsdOptions> = {
  kind: 'kong-statsd',
  summary: "Tells a StatsD server of each exchange under the names of Kong's plugin.",
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options, { clock, outputs, resources }) {
    const { host, port, protocol, datagramBytesMax, statuses } = options
    const output: RecordOutput = protocol === 'udp' ? { kind: 'udp', host, port, datagramBytesMax } : { kind: 'tcp', host, port }
    const sink = resources.keep(`kong-statsd ${JSON.stringify(output)}`, () => outputs.open(output))
    const lines = compileLines(options, hostname(), () => clock.random())
    return {
      onAttempt: noteAttempt,
      onUpstreamResponse: noteHead,
      onFinish(exchange, outcome) {
        const latencies = latenciesOf(exchange, outcome)
        const status = outcome.status === 0 ? 499 : outcome.status
        if (statuses !== undefined && !statuses.some(({ from, to }) => status >= from && status <= to)) return
        for (const line of lines({ exchange, status, latencies })) sink.write(line)
      },
    }
  },
}
