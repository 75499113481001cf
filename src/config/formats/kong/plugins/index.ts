import type { KongPlugin } from '../types.ts'
import { botDetection } from './bot-detection.ts'
import { correlationId } from './correlation-id.ts'
import { cors } from './cors.ts'
import { fileLog } from './file-log.ts'
import { httpLog } from './http-log.ts'
import { ipRestriction } from './ip-restriction.ts'
import { opentelemetry } from './opentelemetry.ts'
import { prometheus } from './prometheus.ts'
import { rateLimiting } from './rate-limiting.ts'
import { redirect } from './redirect.ts'
import { requestSizeLimiting } from './request-size-limiting.ts'
import { requestTermination } from './request-termination.ts'
import { statsd } from './statsd.ts'

/** Kong's plugins that are carried over, by name. */
export const PLUGINS: readonly KongPlugin<unknown>[] = [
  botDetection,
  correlationId,
  cors,
  fileLog,
  httpLog,
  ipRestriction,
  opentelemetry,
  prometheus,
  rateLimiting,
  redirect,
  requestSizeLimiting,
  requestTermination,
  statsd,
]
