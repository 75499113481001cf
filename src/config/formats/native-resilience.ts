/** What the native form says of ill services, to the intermediate representation. */
import type { RouteIr, ServiceIr } from '../ir.ts'
import type { NativeRoute, NativeService } from '../schema.ts'

/** Failures in a row that open a breaker which is told nothing else. */
const BREAKER_FAILURES = 5

export function resilienceOf({ breaker, health, concurrency }: NativeService): Pick<ServiceIr, 'breaker' | 'health' | 'concurrency'> {
  const { active, passive } = health
  return {
    breaker:
      breaker === undefined
        ? null
        : {
            failures: breaker.failures ?? (breaker.failureRate === undefined ? BREAKER_FAILURES : null),
            failureRate:
              breaker.failureRate === undefined
                ? null
                : {
                    percent: breaker.failureRate.percent,
                    windowMs: breaker.failureRate.window,
                    requestsMin: breaker.failureRate.requestsMin,
                  },
            recoveryMs: breaker.recovery,
            probes: breaker.probes,
            successes: breaker.successes,
            statuses: breaker.statuses,
          },
    health: {
      active:
        active === undefined
          ? null
          : {
              kind: active.kind,
              grpcService: active.grpcService,
              path: active.path,
              host: active.host ?? null,
              headers: Object.entries(active.headers),
              statuses: active.statuses,
              body: active.body === undefined ? null : bodyMatchOf(active.body),
              intervalMs: active.interval,
              unfitIntervalMs: active.unfitInterval ?? active.interval,
              timeoutMs: active.timeout,
              unhealthyAfter: active.unhealthyAfter,
              healthyAfter: active.healthyAfter,
              endsEjections: active.endsEjections,
            },
      passive:
        passive === undefined
          ? null
          : {
              failures: passive.failures,
              statuses: passive.statuses,
              ejectionMs: passive.ejection,
              ejectionMaxMs: passive.ejectionMax,
              ejectedPercentMax: passive.ejectedPercentMax,
              ejectsLast: passive.ejectsLast,
            },
      slowStartMs: health.slowStart,
      panicPercent: health.panicPercent,
    },
    concurrency:
      concurrency === undefined ? null : { max: concurrency.max, queue: concurrency.queue, queueTimeoutMs: concurrency.queueTimeout },
  }
}

function bodyMatchOf(body: string): { readonly kind: 'text' | 'regex'; readonly value: string } {
  return body.startsWith('~') ? { kind: 'regex', value: body.slice(1) } : { kind: 'text', value: body }
}

export function divisionOf({ split, mirror, fallback }: NativeRoute): Pick<RouteIr, 'split' | 'mirror' | 'fallback'> {
  return {
    split:
      split === undefined
        ? null
        : {
            services: Object.entries(split.services).map(([service, weight]) => ({ service, weight })),
            sticky: split.sticky === undefined ? null : stickyOf(split.sticky),
          },
    mirror:
      mirror === undefined
        ? null
        : {
            service: mirror.service,
            percent: mirror.percent,
            timeoutMs: mirror.timeout,
            inFlightMax: mirror.inFlightMax,
            bodyBytesMax: mirror.bodyMax,
          },
    fallback:
      fallback === undefined
        ? null
        : {
            statuses: fallback.statuses,
            stale: fallback.stale,
            service: fallback.service ?? null,
            response:
              fallback.response === undefined
                ? null
                : {
                    status: fallback.response.status,
                    contentType: fallback.response.contentType,
                    headers: Object.entries(fallback.response.headers),
                    body: fallback.response.body,
                  },
          },
  }
}

function stickyOf(sticky: string): NonNullable<NonNullable<RouteIr['split']>['sticky']> {
  const [kind = '', name = ''] = sticky.split(':', 2)
  return kind === 'cookie' || kind === 'header' ? { kind, name } : { kind: 'user' }
}
