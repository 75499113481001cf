/** What a configuration says of logs: plain data, read by the configuration and acted on by `telemetry/`. */

/** The fields that an access-log line can have, besides headers. */
export const LOG_FIELDS = [
  'time',
  'requestId',
  'client',
  'method',
  'host',
  'path',
  'query',
  'protocol',
  'scheme',
  'listener',
  'status',
  'error',
  'grpcStatus',
  'durationMs',
  'upstreamMs',
  'route',
  'service',
  'target',
  'attempts',
  'fallback',
  'cache',
  'requestBytes',
  'responseBytes',
  'userAgent',
  'consumer',
  'user',
  'credential',
  'authentication',
  'limited',
  'limitRemaining',
  'tlsVersion',
  'tlsCipher',
  'alpn',
  'clientCertificate',
  'traceId',
  'spanId',
] as const

export type LogFieldName = (typeof LOG_FIELDS)[number]

/** A field of a line: one of {@link LOG_FIELDS}, or a header by its name in lower case. */
export type LogField =
  | { readonly kind: 'known'; readonly name: LogFieldName }
  | { readonly kind: 'request-header'; readonly name: string }
  | { readonly kind: 'response-header'; readonly name: string }

/**
 * Headers that carry credentials or sessions, by a part of the name: no log may have them. The part must stand alone between hyphens, so that
 * `X-Auth-Token` is one and `Idempotency-Key` is none.
 */
const SECRET_HEADER =
  /(^|-)(authorization|authentication|auth|cookie2?|tokens?|secrets?|passw(or)?d|passphrase|credentials?|signature|assertion|jwt|session|sessionid|api-?key|access-?key|secret-?key|private-?key|client-cert|apikey)(-|$)/i

/** Whether a header of that name is taken for a secret. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name)
}

/** Parameters of a query whose values no log has, in lower case; a configuration may name more. */
export const SECRET_PARAMETERS: readonly string[] = [
  'access_token',
  'api-key',
  'api_key',
  'apikey',
  'assertion',
  'auth',
  'client_secret',
  'code',
  'id_token',
  'jwt',
  'key',
  'password',
  'refresh_token',
  'secret',
  'session',
  'sig',
  'signature',
  'token',
  'x-amz-security-token',
  'x-amz-signature',
]

/** A place that lines go to. */
export type LogOutput = StreamOutput | FileOutput | SyslogOutput | HttpOutput

export interface StreamOutput {
  readonly kind: 'stdout' | 'stderr'
}

export interface FileOutput {
  readonly kind: 'file'
  readonly path: string
}

/** A server that takes messages of RFC 5424. */
export interface SyslogOutput {
  readonly kind: 'syslog'
  /** UDP (RFC 5426), TCP with octet counting (RFC 6587, 3.4.1), or that within TLS (RFC 5425). */
  readonly transport: 'udp' | 'tcp' | 'tls'
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** 0 to 23 (RFC 5424, 6.2.1). */
  readonly facility: number
  /** APP-NAME: 1 to 48 printable ASCII characters. */
  readonly appName: string
  /** In PEM, for `tls`; null for the CAs that Node knows. */
  readonly ca: string | null
  /** Bound of what waits, in bytes. */
  readonly queueBytesMax: number
}

/** A server that takes batches of lines by HTTP: `POST` of `application/x-ndjson`. */
export interface HttpOutput extends HttpReceiver {
  readonly kind: 'http'
}

/** A server that is sent batches by `POST`. */
export interface HttpReceiver {
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly gzip: boolean
  /** In PEM, for https; null for the CAs that Node knows. */
  readonly ca: string | null
  /** A batch is sent when it has so many bytes, or when its first line has waited for so long. */
  readonly batchBytesMax: number
  readonly intervalMs: number
  /** Longest wait for the answer to one request. */
  readonly timeoutMs: number
  /** Bound of what waits, in bytes, the batch that is being sent included. */
  readonly queueBytesMax: number
}

/** Which exchanges are logged. */
export interface LogSampling {
  /** Share of the others, 0 to 1. */
  readonly ratio: number
  /** Whether all are that failed: 5xx, broken off, or a gRPC status that stands for 5xx. */
  readonly keepErrors: boolean
  /** All are that took so long; null for none. */
  readonly slowerThanMs: number | null
}

export interface AccessLogSettings {
  readonly outputs: readonly LogOutput[]
  /** Null for those that a line has by default. */
  readonly fields: readonly LogField[] | null
  /** Null for all exchanges. */
  readonly sampling: LogSampling | null
  readonly redact: {
    /** Whether addresses of clients are told as networks: /24 of IPv4, /48 of IPv6. */
    readonly addresses: boolean
    /** Parameters whose values are hidden besides {@link SECRET_PARAMETERS}, in lower case. */
    readonly parameters: readonly string[]
  }
}
