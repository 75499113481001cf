/** Logs and traces of the native form to the intermediate representation. */
import type { AccessLogSettings, HttpReceiver, LogField, LogFieldName, LogOutput } from '../../core/log-settings.ts'
import { LOG_FIELDS } from '../../core/log-settings.ts'
import type { TracingSettings } from '../../core/tracing-settings.ts'
import { FACILITIES, type OutputInput, parseSyslogUrl } from '../logs-schema.ts'
import type { NativeConfig } from '../schema.ts'

export function accessLogOf({ accessLog }: NativeConfig): AccessLogSettings | null {
  if (accessLog === false) return null
  const { output, fields, sampling, redact } = accessLog
  return {
    outputs: output.map(outputOf),
    fields: fields === undefined ? null : fields.map(fieldOf),
    sampling:
      sampling === undefined ? null : { ratio: sampling.ratio, keepErrors: sampling.keepErrors, slowerThanMs: sampling.slowerThan ?? null },
    redact: { addresses: redact.addresses, parameters: redact.parameters.map((name) => name.toLowerCase()) },
  }
}

/** Where events go besides standard error. */
export function eventOutputsOf({ eventLog }: NativeConfig): readonly LogOutput[] {
  return eventLog === undefined ? [] : eventLog.output.map(outputOf)
}

export function tracingOf({ tracing }: NativeConfig): TracingSettings | null {
  if (tracing === undefined) return null
  const { otlp, serviceName, sampling, slowPolicy } = tracing
  const url = new URL(otlp.endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return {
    receiver: receiverOf(url.href, otlp),
    serviceName,
    sampling: {
      ratio: sampling.ratio,
      parentBased: sampling.parentBased,
      keepErrors: sampling.keepErrors,
      keepSlowerThanMs: sampling.keepSlowerThan ?? null,
    },
    slowPolicyMs: slowPolicy,
  }
}

function outputOf(output: OutputInput): LogOutput {
  if (typeof output === 'string') return output === 'stdout' || output === 'stderr' ? { kind: output } : { kind: 'file', path: output }
  if ('http' in output) return { kind: 'http', ...receiverOf(output.http, output) }
  const { transport, host, port } = parseSyslogUrl(output.syslog) ?? { transport: 'udp', host: '', port: 0 }
  const { appName, queueBytesMax } = output
  return {
    kind: 'syslog',
    transport,
    host,
    port,
    facility: FACILITIES.get(output.facility) ?? 16,
    appName,
    ca: output.ca ?? null,
    queueBytesMax,
  }
}

type Batches = Exclude<OutputInput, string | { syslog: string }>

function receiverOf(
  url: string,
  { headers, gzip, ca, batchBytesMax, interval, timeout, queueBytesMax }: Omit<Batches, 'http'>,
): HttpReceiver {
  return {
    url,
    headers: Object.entries(headers),
    gzip,
    ca: ca ?? null,
    batchBytesMax,
    intervalMs: interval,
    timeoutMs: timeout,
    queueBytesMax,
  }
}

function fieldOf(written: string): LogField {
  const [, side, header] = /^(request|response)-header:(.*)$/.exec(written) ?? []
  if (header !== undefined) return { kind: side === 'request' ? 'request-header' : 'response-header', name: header.toLowerCase() }
  return { kind: 'known', name: LOG_FIELDS.find((name): name is LogFieldName => name === written) ?? 'time' }
}
