import type { KongPlugin } from '../types.ts'
import { acl } from './acl.ts'
import { basicAuth } from './basic-auth.ts'
import { botDetection } from './bot-detection.ts'
import { correlationId } from './correlation-id.ts'
import { cors } from './cors.ts'
import { fileLog } from './file-log.ts'
import { grpcGateway } from './grpc-gateway.ts'
import { grpcWeb } from './grpc-web.ts'
import { hmacAuth } from './hmac-auth.ts'
import { httpLog } from './http-log.ts'
import { ipRestriction } from './ip-restriction.ts'
import { jwt } from './jwt.ts'
import { keyAuth } from './key-auth.ts'
import { opentelemetry } from './opentelemetry.ts'
import { prometheus } from './prometheus.ts'
import { proxyCache } from './proxy-cache.ts'
import { rateLimiting } from './rate-limiting.ts'
import { redirect } from './redirect.ts'
import { requestSizeLimiting } from './request-size-limiting.ts'
import { requestTermination } from './request-termination.ts'
import { requestTransformer } from './request-transformer.ts'
import { responseTransformer } from './response-transformer.ts'
import { statsd } from './statsd.ts'

/** Kong's plugins that are carried over, by name. */
export const PLUGINS: readonly KongPlugin<unknown>[] = [
  acl,
  basicAuth,
  botDetection,
  correlationId,
  cors,
  fileLog,
  grpcGateway,
  grpcWeb,
  hmacAuth,
  httpLog,
  ipRestriction,
  jwt,
  keyAuth,
  opentelemetry,
  prometheus,
  proxyCache,
  rateLimiting,
  redirect,
  requestSizeLimiting,
  requestTermination,
  requestTransformer,
  responseTransformer,
  statsd,
]
