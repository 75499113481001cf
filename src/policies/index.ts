import type { PolicyDefinition } from '../core/policy.ts'
import { apiKey } from './api-key/policy.ts'
import { authentication } from './authentication/policy.ts'
import { authorize } from './authorize/policy.ts'
import { basic } from './basic/policy.ts'
import { cache } from './cache/policy.ts'
import { clientCertificate } from './client-certificate/policy.ts'
import { correlationId } from './correlation-id/policy.ts'
import { cors } from './cors/policy.ts'
import { forwardedHeaders } from './forwarded-headers/policy.ts'
import { grpcTranscoding } from './grpc-transcoding/policy.ts'
import { grpcWeb } from './grpc-web/policy.ts'
import { headers } from './headers/policy.ts'
import { hmac } from './hmac/policy.ts'
import { identityHeaders } from './identity-headers/policy.ts'
import { ipAccess } from './ip-access/policy.ts'
import { jwt } from './jwt/policy.ts'
import { kongLog } from './kong-log/policy.ts'
import { kongMetrics } from './kong-metrics/policy.ts'
import { kongStatsd } from './kong-statsd/policy.ts'
import { latencyHeaders } from './latency-headers/policy.ts'
import { rateLimit } from './rate-limit/policy.ts'
import { redirect } from './redirect/policy.ts'
import { requestId } from './request-id/policy.ts'
import { requestSize } from './request-size/policy.ts'
import { requestValidation } from './request-validation/policy.ts'
import { rewrite } from './rewrite/policy.ts'
import { securityHeaders } from './security-headers/policy.ts'
import { soap } from './soap/policy.ts'
import { staticResponse } from './static-response/policy.ts'
import { transform } from './transform/policy.ts'
import { userAgent } from './user-agent/policy.ts'
import { users } from './users/policy.ts'

/** Every kind of policy, in the order in which they act on a request and on a response; each line says why it stands where it does. */
export const POLICIES: readonly PolicyDefinition<unknown>[] = [
  // First, so that every answer and every record after it carries the id, refusals too.
  requestId,
  // As that one, and behind it: the client's own id, which nothing here is decided by.
  correlationId,
  // Before all else that looks at a request: who may not come here gets no further.
  ipAccess,
  // As that one: what calls itself something that is not wanted gets no further.
  userAgent,
  // Before what answers or edits, so that all later policies see who really asks, and not what a client claims.
  forwardedHeaders,
  // Before all that may refuse for want of a credential: preflights never carry one (Fetch, 3.3.2).
  cors,
  // Acts on responses alone; before `headers`, which has the last word on them.
  securityHeaders,
  // As that one.
  latencyHeaders,
  // Before anything that costs: a request that is too large is refused for the price of a comparison.
  requestSize,
  // First of those that authenticate: the connection has proved it already, so that it costs a look-up.
  clientCertificate,
  // Before the other credentials of a request: its user is what a second one has to agree with.
  jwt,
  // What costs least first: where one credential is enough, a digest may save a password's hash.
  apiKey,
  basic,
  hmac,
  // Behind all that authenticate: it has the last word when none of them knows the caller.
  authentication,
  // Behind all that authenticate: the record belongs to the user they found.
  users,
  // Behind what finds out who calls, and before what may refuse: a client's own copies are gone whatever comes then.
  identityHeaders,
  // Behind the record that it decides by.
  authorize,
  // Behind all that may refuse for another reason, so that only what passes is counted; what needs no identity is looked at before that, too.
  rateLimit,
  // Costs the most of all guards: only for callers who may come here, and within their limits.
  requestValidation,
  // Behind all guards, so that these hold for what is stored too; before what answers or edits for a service that is not asked then.
  cache,
  // Answers without a service; behind the guards, so that these hold here too.
  redirect,
  staticResponse,
  // Only for what goes to a service, and what comes from one; before `rewrite` and `headers`, whose rules hold for more routes, and which have the
  // last word on path and fields: a prefix that a service asks for goes before whatever path this makes.
  transform,
  // Only for what goes to a service: the path as it was asked for is what all guards above have seen.
  rewrite,
  // Last, so that what the operator says of a header is the final word over what policies wrote.
  headers,
  // Only tell of what has happened: behind all that edits a response, so that they tell what clients get.
  kongMetrics,
  kongLog,
  kongStatsd,
  // Puts another protocol in place of the client's: all others speak of what the client sees, so that it acts behind them, and before them on
  // responses.
  grpcWeb,
  // As that one; which of the two a request is for, its Content-Type says.
  grpcTranscoding,
  // As those; it finds its operations by method and path as the policies above leave them.
  soap,
]
