/** For the tests: exchanges to log, and, run as a program, a process that logs to its stdout. */
import { type Clock, systemClock } from '../core/clock.ts'
import { type Downstream, Exchange } from '../core/exchange.ts'
import type { AccessLogSettings, LogOutput } from '../core/log-settings.ts'
import { AccessLog } from './access-log.ts'

/** Settings with these outputs, and what a configuration leaves out. */
export function logSettings(outputs: readonly (string | LogOutput)[], rest: Partial<AccessLogSettings> = {}): AccessLogSettings {
  return {
    outputs: outputs.map((output): LogOutput => {
      if (typeof output !== 'string') return output
      return output === 'stdout' ? { kind: output } : { kind: 'file', path: output }
    }),
    fields: null,
    sampling: null,
    redact: { addresses: false, parameters: [] },
    ...rest,
  }
}

/** An exchange that has nothing behind it: the log only reads. */
export function loggedExchange(path: string, userAgent = 'curl/8', clock: Clock = systemClock): Exchange {
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
  const exchange = new Exchange(
    { name: 'main', port: 80, scheme: 'http', redirectPort: null, requiresCertificate: false },
    downstream,
    clock,
  )
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
  const log = new AccessLog({ settings: logSettings(['stdout']), bytesMax: 1024 * 1024 })
  const exchange = loggedExchange(process.argv[3] ?? '/')
  for (let i = 0; i < Number(process.argv[2]); i++) {
    exchange.requestId = `${process.pid}-${i}`
    log.write(exchange, { status: 200, error: null, durationMs: 1.26 })
    // Now and then the loop gets its turn, as it would under traffic.
    if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  await log.close()
  process.stderr.write(`${JSON.stringify({ dropped: [...log.dropped().values()].reduce((sum, lines) => sum + lines, 0) })}\n`)
  process.exit(0)
}
