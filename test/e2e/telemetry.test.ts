/** What a gateway process tells of its exchanges: traces to a receiver of OTLP, lines to syslog and by HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createHttp2Server, type Http2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { BatchServer, SyslogServer, until } from '../../src/telemetry/log-receivers.fixture.ts'
import { OtlpReceiver, type ReceivedSpan } from '../services/otlp-receiver.ts'
import { GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = `00-${TRACE}-${SPAN}-01`

/** A service that answers 503 first and 200 after, and keeps the heads it was sent. */
async function startService(
  t: TestContext,
  protocol: 'http/1.1' | 'h2',
): Promise<{ readonly port: number; readonly heads: IncomingHttpHeaders[] }> {
  const heads: IncomingHttpHeaders[] = []
  const sessions = new Set<Http2Session>()
  const server =
    protocol === 'h2'
      ? createHttp2Server((request, response) => {
          heads.push(request.headers)
          response.writeHead(heads.length === 1 ? 503 : 200).end('ok')
        }).on('session', (session) => sessions.add(session))
      : createServer((request, response) => {
          heads.push(request.headers)
          response.writeHead(heads.length === 1 ? 503 : 200).end('ok')
        })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return { port: (server.address() as AddressInfo).port, heads }
}

function configOf(port: number, more: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    accessLog: false,
    services: { shop: { targets: [`127.0.0.1:${port}`] } },
    routes: { shop: { path: '/shop/:id', service: 'shop', retry: { statuses: [503], backoffBase: 1 } } },
    ...more,
  })
}

for (const protocol of ['http/1.1', 'h2'] as const) {
  test(`services by ${protocol} get the span of their own try, and the receiver all of them`, async (t) => {
    const receiver = new OtlpReceiver()
    const service = await startService(t, protocol)
    const config = configOf(service.port, {
      services: { shop: { targets: [`127.0.0.1:${service.port}`], protocol: protocol === 'h2' ? 'h2' : 'auto' } },
      tracing: { otlp: { endpoint: await receiver.open(t), interval: 20, gzip: true }, serviceName: 'edge' },
      accessLog: { output: 'access.log', fields: ['path', 'traceId', 'spanId'] },
    })
    const gateway = await new GatewayProcess(t, { config }).ready()
    const response = await fetch(new URL('/shop/7', gateway.url), {
      headers: { traceparent: PARENT, tracestate: 'vendor=1', baggage: 'user=ada' },
    })
    assert.equal(response.status, 200)
    await until(() => receiver.spans.length === 3)
    const [server, ...tries] = receiver.spans as [ReceivedSpan, ...ReceivedSpan[]]
    assert.deepEqual([server.name, server.traceId, server.parentSpanId, server.traceState], ['GET /shop/:id', TRACE, SPAN, 'vendor=1'])
    assert.equal(server.resource['service.name'], 'edge')
    assert.deepEqual(
      tries.map(({ spanId, attributes }) => [spanId, attributes['http.response.status_code'], attributes['http.request.resend_count']]),
      service.heads.map(({ traceparent }, index) => [
        String(traceparent).split('-')[2],
        index === 0 ? '503' : '200',
        index === 0 ? undefined : '1',
      ]),
    )
    for (const head of service.heads) {
      assert.match(String(head['traceparent']), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
      assert.deepEqual([head['tracestate'], head['baggage']], ['vendor=1', 'user=ada'])
    }
  })
}

test('a copy for a mirror and a fetch for the cache have spans below the request they came of', async (t) => {
  const receiver = new OtlpReceiver()
  const [service, shadow] = [await startService(t, 'http/1.1'), await startService(t, 'http/1.1')]
  const config = configOf(service.port, {
    services: { shop: { targets: [`127.0.0.1:${service.port}`] }, shadow: { targets: [`127.0.0.1:${shadow.port}`] } },
    routes: {
      shop: {
        path: '/shop/:id',
        service: 'shop',
        mirror: { service: 'shadow' },
        policies: { cache: { ttl: 1, staleWhileRevalidate: '1h' } },
      },
    },
    tracing: { otlp: { endpoint: await receiver.open(t), interval: 20 } },
  })
  const gateway = await new GatewayProcess(t, { config }).ready()
  // The first answer is a 503, which is not kept.
  for (let i = 0; i < 3; i++) await (await fetch(new URL('/shop/7', gateway.url), { headers: { traceparent: PARENT } })).text()
  const found = (what: string) => receiver.spans.filter(({ attributes }) => attributes['turnpike.detached'] === what)
  await until(() => found('mirror').length >= 2 && found('refetch').length >= 1)
  for (const [span, heads] of [
    [found('mirror')[0], shadow.heads],
    [found('refetch')[0], service.heads],
  ] as const) {
    assert.ok(span)
    assert.equal(span.traceId, TRACE)
    assert.ok(receiver.spans.some(({ spanId, kind }) => spanId === span.parentSpanId && kind === 2))
    const attempt = receiver.spans.find(({ parentSpanId, kind }) => parentSpanId === span.spanId && kind === 3)
    assert.ok(heads.some(({ traceparent }) => String(traceparent).split('-')[2] === attempt?.spanId))
  }
})

test('without tracing, what a client says of its trace reaches the service as it was', async (t) => {
  const service = await startService(t, 'http/1.1')
  const gateway = await new GatewayProcess(t, { config: configOf(service.port, {}) }).ready()
  await fetch(new URL('/shop/7', gateway.url), { headers: { traceparent: PARENT, tracestate: 'vendor=1' } })
  assert.deepEqual(
    service.heads.map(({ traceparent, tracestate }) => [traceparent, tracestate]),
    [
      [PARENT, 'vendor=1'],
      [PARENT, 'vendor=1'],
    ],
  )
})

test('the access log goes to syslog and by HTTP at once, with the fields that were chosen', async (t) => {
  const service = await startService(t, 'http/1.1')
  const [syslog, batches] = [new SyslogServer(), new BatchServer()]
  const [port, url] = [await syslog.open(t), await batches.open(t)]
  const config = configOf(service.port, {
    accessLog: {
      output: [{ syslog: `tcp://127.0.0.1:${port}` }, { http: url, interval: 20 }],
      fields: ['method', 'path', 'query', 'status', 'route', 'attempts', 'request-header:X-Tenant', 'response-header:Content-Length'],
    },
    eventLog: { output: { syslog: `tcp://127.0.0.1:${port}` } },
  })
  const gateway = await new GatewayProcess(t, { config }).ready()
  await fetch(new URL('/shop/7?token=s3cret&a=1', gateway.url), { headers: { 'X-Tenant': 'acme' } })
  await until(() => batches.lines.length === 1)
  await until(() => syslog.messages.some(({ messageId }) => messageId === 'access'))
  assert.deepEqual(JSON.parse(batches.lines[0] ?? ''), {
    method: 'GET',
    path: '/shop/7',
    query: 'token=[hidden]&a=1',
    status: 200,
    route: 'shop',
    attempts: 2,
    'requestHeaders.x-tenant': 'acme',
    'responseHeaders.content-length': null,
  })
  assert.equal(syslog.messages.find(({ messageId }) => messageId === 'access')?.text, batches.lines[0])
})

test('receivers that are dead cost lines and spans, which metrics count, and no answer', async (t) => {
  const service = await startService(t, 'http/1.1')
  const config = configOf(service.port, {
    accessLog: {
      output: [
        { http: 'http://127.0.0.1:1/', queueBytesMax: '64KiB' },
        { syslog: 'tcp://127.0.0.1:1', queueBytesMax: '64KiB' },
      ],
    },
    tracing: { otlp: { endpoint: 'http://127.0.0.1:1', queueBytesMax: '64KiB' } },
  })
  const gateway = await new GatewayProcess(t, { config }).ready()
  for (let i = 0; i < 400; i++) assert.equal((await fetch(new URL('/shop/7', gateway.url))).status, 200)
  const metrics = await MetricsReading.of(gateway)
  for (const [name, label] of [
    ['gateway_access_log_dropped_total', 'output="http"'],
    ['gateway_access_log_dropped_total', 'output="syslog"'],
    ['gateway_trace_spans_dropped_total', ''],
  ] as const)
    assert.ok(metrics.sum(name, label) > 0, `${name} ${label}`)
})
