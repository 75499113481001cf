/** For the tests: exchanges to log, and, run as a program, a process that logs to its stdout. */
import { type Downstream, Exchange } from '../core/exchange.ts'
import { AccessLog } from './access-log.ts'

/** An exchange that has nothing behind it: the log only reads. */
export function loggedExchange(path: string, userAgent = 'curl/8'): Exchange {
  const nothing = () => {}
  const downstream: Downstream = {
    requestBody: { length: 0, start: nothing, pause: nothing, resume: nothing },
    responseBody: { onData: () => true, onEnd: nothing, onError: nothing, flush: nothing },
    headSent: true,
    sendInformational: nothing,
    sendHead: nothing,
    openTunnel: () => {
      throw new Error('no tunnel here')
    },
  }
  const exchange = new Exchange({ name: 'main', port: 80, scheme: 'http', redirectPort: null, requiresCertificate: false }, downstream)
  const { request } = exchange
  const fields = Buffer.from(`User-Agent: ${userAgent}\r\n`, 'latin1')
  request.headers.reset(fields, 0)
  request.headers.addParsed(0, 10, 12, fields.length - 2)
  request.method = 'GET'
  request.path = path
  request.host = 'example.com'
  exchange.client.address = '192.0.2.1'
  exchange.requestId = 'request-1'
  exchange.route = { name: 'users', pattern: '/users/*', serviceName: 'user-service' }
  exchange.attempts.push({ number: 1, target: '127.0.0.1:9001', startedAt: 0, endedAt: 1, status: 200, error: null })
  return exchange
}

/** `access-log.fixture.ts COUNT PATH`: writes COUNT lines, ends the log and tells on stderr how many were dropped. */
if (import.meta.main) {
  const log = new AccessLog({ output: 'stdout', bytesMax: 1024 * 1024 })
  const exchange = loggedExchange(process.argv[3] ?? '/')
  for (let i = 0; i < Number(process.argv[2]); i++) {
    exchange.requestId = `${process.pid}-${i}`
    log.write(exchange, { status: 200, error: null, durationMs: 1.26 })
    // Now and then the loop gets its turn, as it would under traffic.
    if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  await log.close()
  process.stderr.write(`${JSON.stringify({ dropped: log.dropped })}\n`)
  process.exit(0)
}
