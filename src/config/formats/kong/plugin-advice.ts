/** Plugins of Kong that are not carried over, and what to do in their place. */
import { didYouMean } from '../../../core/nearest.ts'

const ENTERPRISE = 'of Kong Enterprise'
const AI = 'no language models are asked here; put a gateway for them behind the route'
const LUA = 'code in Lua is not run; put its work into the service, or use `transform`'
const LOG = 'logs go to files, standard output, HTTP and OpenTelemetry (`accessLog`); let an agent pass them on'

/** Plugins by name: why they are not carried over, and what to do. */
export const ADVICE: ReadonlyMap<string, string> = new Map([
  ['pre-function', LUA],
  ['post-function', LUA],
  ['zipkin', 'traces are OpenTelemetry: use the plugin opentelemetry, which collectors of Zipkin take'],
  ['datadog', 'use statsd, or opentelemetry with the agent of Datadog'],
  ['session', 'log-ins of browsers are not kept here; use tokens and jwt'],
  ['acme', 'certificates are not fetched by ACME here; let a client such as certbot renew the files'],
  ['oauth2', 'it is an authorization server of its own; use one, and jwt for its tokens'],
  ['ldap-auth', 'passwords are not asked of LDAP; let an identity provider do it, and use jwt for its tokens'],
  ['response-ratelimiting', 'services do not count here; use rate-limiting'],
  ['aws-lambda', 'functions are asked by HTTPS: give the service the URL of the function'],
  ['azure-functions', 'functions are asked by HTTPS: give the service the URL of the function'],
  ['standard-webhooks', 'signatures of webhooks are not made or verified here; let the service do it'],
  ['udp-log', LOG],
  ['tcp-log', LOG],
  ['loggly', LOG],
  ['syslog', LOG],
  ['ai-proxy', AI],
  ['ai-prompt-template', AI],
  ['ai-prompt-decorator', AI],
  ['ai-prompt-guard', AI],
  ['ai-request-transformer', AI],
  ['ai-response-transformer', AI],
  ['openid-connect', `${ENTERPRISE}; use jwt natively, with \`jwks\` of the identity provider`],
  ['jwt-signer', `${ENTERPRISE}; use jwt natively, with \`jwks\``],
  ['request-validator', `${ENTERPRISE}; use \`request-validation\` natively`],
  ['oas-validation', `${ENTERPRISE}; use \`request-validation\` natively`],
  ['rate-limiting-advanced', `${ENTERPRISE}; use rate-limiting, or \`rate-limit\` natively, which has sliding windows`],
  ['proxy-cache-advanced', `${ENTERPRISE}; use proxy-cache, or \`cache\` natively`],
  ['request-transformer-advanced', `${ENTERPRISE}; use request-transformer, or \`transform\` natively`],
  ['response-transformer-advanced', `${ENTERPRISE}; use response-transformer, or \`transform\` natively`],
  ['key-auth-enc', `${ENTERPRISE}; use key-auth: keys are kept as digests`],
  ['ldap-auth-advanced', `${ENTERPRISE}; let an identity provider do it, and use jwt for its tokens`],
  ['mtls-auth', `${ENTERPRISE}; use \`client-certificate\` natively`],
  ['tls-handshake-modifier', `${ENTERPRISE}; use \`tls.clientCertificates\` of the listener natively`],
  ['tls-metadata-headers', `${ENTERPRISE}; use \`client-certificate\` natively`],
  ['header-cert-auth', `${ENTERPRISE}; use \`client-certificate\` natively`],
  ['opa', `${ENTERPRISE}; use acl, or \`authorize\` natively`],
  ['canary', `${ENTERPRISE}; use \`split\` of a route natively`],
  ['mocking', `${ENTERPRISE}; use request-termination`],
  ['forward-proxy', `${ENTERPRISE}; requests go to services straight`],
  ['route-by-header', `${ENTERPRISE}; write a route with \`headers\` for each`],
  ['route-transformer-advanced', `${ENTERPRISE}; write routes and services for each`],
  ['upstream-timeout', `${ENTERPRISE}; write a service with timeouts of its own`],
  ['websocket-size-limit', ENTERPRISE],
  ['websocket-validator', ENTERPRISE],
  ['exit-transformer', `${ENTERPRISE}; use response-transformer`],
  ['graphql-proxy-cache-advanced', ENTERPRISE],
  ['graphql-rate-limiting-advanced', ENTERPRISE],
  ['degraphql', ENTERPRISE],
  ['kafka-log', LOG],
  ['kafka-upstream', `${ENTERPRISE}; put a service that writes to Kafka behind the route`],
  ['vault-auth', `${ENTERPRISE}; use key-auth`],
  ['oauth2-introspection', `${ENTERPRISE}; use jwt for tokens that can be verified without being asked for`],
  ['jwe-decrypt', `${ENTERPRISE}; let the service decrypt`],
  ['json-threat-protection', `${ENTERPRISE}; use \`request-validation\` natively, which bounds what is nested`],
  ['xml-threat-protection', ENTERPRISE],
  ['injection-protection', ENTERPRISE],
  ['service-protection', `${ENTERPRISE}; use \`concurrency\` of a service natively`],
  ['konnect-application-auth', 'of Konnect; use key-auth or jwt'],
  ['application-registration', ENTERPRISE],
  ['statsd-advanced', `${ENTERPRISE}; use statsd`],
  ['ip-restriction-advanced', `${ENTERPRISE}; use ip-restriction`],
  ['request-callout', ENTERPRISE],
  ['redis-info', ENTERPRISE],
  ['saml', `${ENTERPRISE}; let an identity provider do it, and use jwt for its tokens`],
  ['hmac-auth-advanced', `${ENTERPRISE}; use hmac-auth`],
])

/** Why a plugin is not carried over, and what to do. */
export function adviceFor(name: string): string {
  const known = ADVICE.get(name)
  if (known !== undefined) return known
  return `it is none of Kong's plugins that are known here; what it does has to be done by native policies${didYouMean(name, ADVICE.keys())}`
}
