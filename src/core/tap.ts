/** The traffic tap: exchanges as they finish, for whoever watches on the admin listener. */
import type { ErrorCode } from './errors.ts'

/** One exchange, in short. The path is without its query, which may hold secrets. */
export interface TappedExchange {
  readonly requestId: string
  /** When it finished, in ISO 8601. */
  readonly time: string
  readonly client: string
  readonly method: string
  readonly host: string
  readonly path: string
  /** Empty for none, as below. */
  readonly route: string
  readonly service: string
  readonly consumer: string
  /** 0 when the client had gone. */
  readonly status: number
  readonly error: ErrorCode | null
  readonly attempts: number
  /** Of the last attempt. */
  readonly target: string
  readonly requestBytes: number
  readonly responseBytes: number
  readonly durationMs: number
  /** Evenly distributed over [0, 1): a tap that wants a tenth takes those below 0.1. */
  readonly lot: number
}

/** Which exchanges a tap wants; all that is given must fit. */
export interface TapRule {
  readonly route?: string
  readonly service?: string
  readonly consumer?: string
  readonly error?: string
  /** Part of the path. */
  readonly path?: string
  /** Inclusive bounds. */
  readonly statusMin?: number
  readonly statusMax?: number
  /** Share of them, above 0 to 1. */
  readonly ratio: number
}

export function fitsTap(rule: TapRule, exchange: TappedExchange): boolean {
  const { route, service, consumer, error, path, statusMin = 0, statusMax = 999, ratio } = rule
  return (
    exchange.lot < ratio &&
    exchange.status >= statusMin &&
    exchange.status <= statusMax &&
    (route === undefined || exchange.route === route) &&
    (service === undefined || exchange.service === service) &&
    (consumer === undefined || exchange.consumer === consumer) &&
    (error === undefined || exchange.error === error) &&
    (path === undefined || exchange.path.includes(path))
  )
}
