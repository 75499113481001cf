import { hash } from 'node:crypto'
import { reviewTerms, termsOf } from '../../core/authentication-terms.ts'
import { DEMANDS } from '../../core/jwt-algorithms.ts'
import type { PolicyDefinition, Remark } from '../../core/policy.ts'
import { typeOf } from './claims.ts'
import { configuredKeys } from './configured-keys.ts'
import { TokenGate } from './gate.ts'
import { KnownTokens } from './known-tokens.ts'
import { tokenPlace } from './places.ts'
import { Refusals } from './refusals.ts'
import { RemoteKeys } from './remote-keys.ts'
import type { JwtOptions } from './schema.ts'
import { loadVerifier } from './signature.ts'
import { ConsumerKeys, type KeySource, SharedKeys } from './sources.ts'

export const jwt: PolicyDefinition<JwtOptions> = {
  kind: 'jwt',
  summary: 'Lets pass who has a valid JSON Web Token, and finds out whose it is.',
  identifies: true,
  authenticates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  credentialPlaces: ({ from }) => from.map((place) => place.replace(/^bearer:/, 'header:')),
  load: loadVerifier,

  review(options, around) {
    const remarks: Remark[] = [...shortSecrets(options), ...reviewTerms(options, around)]
    if (options.ignore.includes('exp')) {
      const message = 'a token holds for ever, whatever its `exp` says: who has seen one may use it for good'
      remarks.push({ severity: 'warning', path: ['ignore'], message })
    }
    if (options.audience === undefined && !options.consumers) {
      const message = 'a token for any audience passes, also one that its issuer made for another service: say `audience`'
      remarks.push({ severity: 'warning', path: [], message })
    }
    if (options.insecure) {
      const message = 'keys are fetched without TLS: who can change the answer on its way can sign any token'
      remarks.push({ severity: 'warning', path: ['insecure'], message })
    }
    return remarks
  },

  compile(options, context) {
    const { clock, log, resources, consumers, scope } = context
    // What was verified may outlive a reload, as long as it hangs on these options and the fetched keys alone: a consumer may have gone.
    const tokens =
      options.consumers || options.consumerClaim !== undefined
        ? new KnownTokens(options.cacheMax)
        : resources.keep(`jwt tokens ${hash('sha256', JSON.stringify(options))}`, () => new KnownTokens(options.cacheMax))
    const keys: KeySource = options.consumers
      ? new ConsumerKeys({ ...options, algorithms: options.algorithm ?? null }, consumers, clock, log)
      : sharedKeys()
    return new TokenGate({
      keys,
      tokens,
      places: options.from.map(tokenPlace),
      refusals: new Refusals(options, scope, log, clock),
      consumers,
      clock,
      rules: {
        issuers: options.issuer ?? [],
        audiences: options.audience ?? [],
        required: options.required,
        values: Object.entries(options.claims),
        skewMs: options.skew,
        requireExpiry: options.requireExpiry && !options.ignore.includes('exp'),
        ignored: options.ignore,
        maxRemainingMs: options.maxRemaining ?? null,
        maxAgeMs: options.maxAge ?? null,
        type: typeOf(options.typ),
      },
      consumerClaim: options.consumerClaim ?? null,
      forward: options.forward,
      onOptions: options.onOptions,
      terms: termsOf(options, consumers),
      tokenBytesMax: options.tokenBytesMax,
      trustMs: options.cacheTtl,
    }).steps()

    function sharedKeys(): KeySource {
      const { keys: local, problems } = configuredKeys(options)
      const [problem] = problems
      if (problem !== undefined) throw new Error(`jwt: ${problem.path.join('.')}: ${problem.message}`)
      const { jwksUrl: url, jwksTtl: ttlMs, jwksRefetchGap: gapMs } = options
      const remote =
        url === undefined ? null : resources.keep(`jwt jwks ${ttlMs} ${gapMs} ${url}`, () => new RemoteKeys({ url, ttlMs, gapMs }, context))
      return new SharedKeys(local, remote, options.algorithm ?? null)
    }
  },
}

/** RFC 7518, 3.2. A warning only: the secret may be somebody else's to choose. */
function shortSecrets(options: JwtOptions): Remark[] {
  const remarks: Remark[] = []
  const entries = [
    { path: ['secret'], form: { ...options, keys: undefined } },
    ...(options.keys ?? []).map((entry, index) => ({
      path: ['keys', index, 'secret'],
      form: { ...options, ...entry, algorithm: entry.algorithm ?? options.algorithm, keys: undefined },
    })),
  ]
  for (const { path, form } of entries) {
    if (form.secret === undefined) continue
    for (const { key, algorithms } of configuredKeys({ ...form, publicKey: undefined, jwk: undefined, jwks: undefined }).keys) {
      const wanted = Math.max(...[...algorithms].map((algorithm) => DEMANDS[algorithm].secretBytes ?? 0))
      const bytes = key.symmetricKeySize ?? 0
      if (bytes >= wanted) continue
      const names = [...algorithms].join(', ')
      const message = `the secret has ${bytes} bytes, and ${names} asks for ${wanted} or more (RFC 7518, 3.2): a short one can be found by trying`
      remarks.push({ severity: 'warning', path, message })
    }
  }
  return remarks
}
