import type { Clock } from '../../core/clock.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import type { CorrelationIdOptions } from './schema.ts'

export const correlationId: PolicyDefinition<CorrelationIdOptions> = {
  kind: 'correlation-id',
  summary: 'Gives requests that bring none an id that clients and services follow a whole transaction by; beside `request-id`.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ header, format, respond }, { clock }) {
    const make = GENERATORS[format](clock)
    return {
      onRequest(exchange) {
        const { headers } = exchange.request
        // Whatever the client sends: the id is its own, and says nothing that anybody here decides by.
        const sent = headers.get(header) ?? ''
        exchange.correlationId = sent === '' ? make(exchange) : sent
        if (sent === '') headers.set(header, exchange.correlationId)
        return undefined
      },
      ...(respond && {
        onResponse(exchange) {
          if (exchange.correlationId !== '') exchange.response.headers.set(header, exchange.correlationId)
          return undefined
        },
      }),
    }
  },
}

const GENERATORS: Readonly<Record<CorrelationIdOptions['format'], (clock: Clock) => (exchange: Exchange) => string>> = {
  uuid: (clock) => () => clock.uuid(),
  'uuid-counter': (clock) => {
    const worker = clock.uuid()
    let count = 0
    return () => `${worker}#${++count}`
  },
  origin: (clock) => {
    let count = 0
    return ({ listener, request }) =>
      `${request.host}-${listener.port}-${process.pid}-${request.serial}-${++count}-${(clock.epochMs() / 1000).toFixed(3)}`
  },
}
