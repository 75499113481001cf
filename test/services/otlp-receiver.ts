/**
 * A receiver of traces by OTLP/HTTP in JSON that takes what the specification allows and nothing else. The messages are OpenTelemetry's own, as
 * generated from its .proto files: this code knows none of them.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import generated from '@opentelemetry/otlp-transformer/build/src/generated/root.js'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for none. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly name: string
  readonly kind: number
  readonly flags: number
  readonly startMs: number
  readonly endMs: number
  /** 2 for an error. */
  readonly status: number
  readonly attributes: Readonly<Record<string, string>>
  readonly resource: Readonly<Record<string, string>>
}

/** A message class that protobufjs generates. */
interface MessageClass {
  verify(message: object): string | null
  fromObject(object: object): object
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
  toObject(message: object, options: object): object
}

interface JsonAttribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: string }
}
interface JsonSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  traceState?: string
  readonly name: string
  readonly kind: number
  readonly flags: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly JsonAttribute[]
  readonly status: { readonly code?: number }
}
interface JsonExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly JsonAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly JsonSpan[] }[]
  }[]
}

function requestClass(): MessageClass {
  let found: unknown = generated
  for (const name of ['opentelemetry', 'proto', 'collector', 'trace', 'v1', 'ExportTraceServiceRequest'])
    found = (found as Readonly<Record<string, unknown>>)[name]
  return found as MessageClass
}

const ExportTraceServiceRequest = requestClass()

/** Reads the body of an export. Throws where it holds a field that the messages do not have, or one of another type. */
export function readSpans(body: string): ReceivedSpan[] {
  assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(body, 'latin1')))
  const written = JSON.parse(body) as JsonExport
  const spans = written.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) => scope.spans.map((span) => receivedSpan(span, recordOf(resource.attributes)))),
  )
  // In JSON ids are hexadecimal, the one thing in which OTLP differs from what Protocol Buffers say of JSON.
  for (const { scopeSpans } of written.resourceSpans)
    for (const scope of scopeSpans)
      for (const span of scope.spans) {
        span.traceId = base64(span.traceId)
        span.spanId = base64(span.spanId)
        if (span.parentSpanId !== undefined) span.parentSpanId = base64(span.parentSpanId)
      }
  const message = ExportTraceServiceRequest.fromObject(written)
  assert.equal(ExportTraceServiceRequest.verify(message), null)
  const read = ExportTraceServiceRequest.decode(ExportTraceServiceRequest.encode(message).finish())
  // Fields that are not theirs would be lost on the way.
  assert.deepEqual(JSON.parse(JSON.stringify(ExportTraceServiceRequest.toObject(read, { longs: String, bytes: String }))), written)
  return spans
}

function base64(hex: string): string {
  assert.match(hex, /^([0-9a-f]{16}|[0-9a-f]{32})$/)
  return Buffer.from(hex, 'hex').toString('base64')
}

function recordOf(attributes: readonly JsonAttribute[]): Record<string, string> {
  const keys = attributes.map(({ key }) => key)
  assert.equal(new Set(keys).size, keys.length, 'keys are unique')
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']))
}

function receivedSpan(span: JsonSpan, resource: ReceivedSpan['resource']): ReceivedSpan {
  const { traceId, spanId, parentSpanId = '', traceState = '', name, kind, flags, status } = span
  const [startMs, endMs] = [Number(span.startTimeUnixNano) / 1e6, Number(span.endTimeUnixNano) / 1e6]
  const attributes = recordOf(span.attributes)
  return { traceId, spanId, parentSpanId, traceState, name, kind, flags, startMs, endMs, status: status.code ?? 0, attributes, resource }
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = []
  /** What is wrong with what came. */
  readonly faults: unknown[] = []
  /** Takes requests and never answers. */
  isSilent = false
  readonly #server = createServer((request, response) => void this.#take(request, response))

  /** @returns the address to configure. */
  async open(t: TestContext): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    t.after(() => {
      this.#server.close()
      this.#server.closeAllConnections()
      assert.deepEqual(this.faults, [])
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await buffer(request)
    if (this.isSilent) return
    try {
      assert.deepEqual([request.method, request.url, request.headers['content-type']], ['POST', '/v1/traces', 'application/json'])
      this.spans.push(...readSpans((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('latin1')))
      response.setHeader('Content-Type', 'application/json').end('{}')
    } catch (error) {
      this.faults.push(error)
      response.writeHead(400).end()
    }
  }
}
