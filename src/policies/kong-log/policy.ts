import type { Exchange } from '../../core/exchange.ts'
import { latenciesOf, noteAttempt, noteHead } from '../../core/latencies.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { RecordOutput } from '../../core/record-output.ts'
import { recordOf } from './record.ts'
import type { KongLogOptions } from './schema.ts'
import { settersOf } from './setters.ts'

export const kongLog: PolicyDefinition<KongLogOptions> = {
  kind: 'kong-log',
  summary: "Writes a record of each exchange, in the form of Kong's log plugins, to a file or an HTTP server.",
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options, { clock, outputs, resources }) {
    const output = outputOf(options)
    const sink = resources.keep(`kong-log ${JSON.stringify(output)}`, () => outputs.open(output))
    const set = settersOf(options.set)
    /** The headers of a response are gone when it has ended. */
    const heads = new WeakMap<Exchange, readonly (readonly [string, string])[]>()
    return {
      onAttempt: noteAttempt,
      onUpstreamResponse: noteHead,
      onResponse(exchange) {
        heads.set(exchange, exchange.response.headers.toPairs())
        return undefined
      },
      onFinish(exchange, outcome) {
        const latencies = latenciesOf(exchange, outcome)
        const head = heads.get(exchange) ?? []
        heads.delete(exchange)
        const record = recordOf({ exchange, outcome, latencies, head, nowMs: clock.epochMs() })
        for (const apply of set) apply(record)
        sink.write(ascii(JSON.stringify(record)))
      },
    }
  },
}

function outputOf({ file, reopen, http }: KongLogOptions): RecordOutput {
  if (file !== undefined) return { kind: 'file', path: file, reopen }
  if (http === undefined) throw new Error('a log has an output')
  const { url, method, contentType, headers, recordsMax, interval, timeout, queueBytesMax } = http
  return {
    kind: 'http',
    url,
    method,
    contentType,
    headers: Object.entries(headers),
    recordsMax,
    intervalMs: interval,
    timeoutMs: timeout,
    queueBytesMax,
  }
}

/** JSON has what is not ASCII in texts only, where it may be escaped. */
function ascii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
