import type { Clock } from '../../core/clock.ts'
import { type ConsumerDirectory, isInForce, type JwtCredential, type Owned } from '../../core/consumers.ts'
import { type Algorithm, DEMANDS, isAlgorithm } from '../../core/jwt-algorithms.ts'
import type { Logger } from '../../core/observe.ts'
import { type BoundKey, bind, candidatesOf, pemKey, type SecretEncoding, secretKey } from './keys.ts'
import type { Reason } from './refusals.ts'
import type { RemoteKeys } from './remote-keys.ts'
import type { Token } from './token.ts'

/** A key that may have signed a token, and whose it is. */
export interface Candidate {
  readonly key: BoundKey
  readonly owned: Owned<JwtCredential> | null
}

/** Where the keys for tokens come from. */
export interface KeySource {
  /** Another number when tokens that were verified before have to be verified again. */
  readonly version: number
  /** Whether no key can be missing only because it could not be fetched. */
  readonly isComplete: boolean
  /** Whether any key may ever be used with an algorithm. */
  accepts(algorithm: Algorithm): boolean
  /** Whether keys may be used without waiting. */
  ready(): boolean
  settled(): Promise<void>
  candidates(token: Token): readonly Candidate[]
  /** Why there are none. */
  whyNone(token: Token): Reason
  /** Looks for further keys for a token that none of the given version fits. Tells whether there are others now. */
  refetch(token: Token, version: number): Promise<boolean>
}

/** Keys of the configuration, and those behind a URL. */
export class SharedKeys implements KeySource {
  readonly #keys: readonly BoundKey[]
  readonly #remote: RemoteKeys | null
  readonly #remoteAlgorithms: ReadonlySet<Algorithm> | null

  /** @param algorithms those allowed for remote keys; null for all but secrets */
  constructor(keys: readonly BoundKey[], remote: RemoteKeys | null, algorithms: readonly Algorithm[] | null) {
    this.#keys = keys
    this.#remote = remote
    this.#remoteAlgorithms = algorithms === null ? null : new Set(algorithms)
  }

  get version(): number {
    return this.#remote === null ? 0 : this.#remote.version
  }

  get isComplete(): boolean {
    return this.#remote === null || this.#remote.keys.length > 0
  }

  accepts(algorithm: Algorithm): boolean {
    return this.#acceptsRemote(algorithm) || this.#keys.some(({ algorithms }) => algorithms.has(algorithm))
  }

  ready(): boolean {
    if (this.#remote === null) return true
    return this.#remote.ready() || (this.#keys.length > 0 && this.#remote.keys.length === 0)
  }

  async settled(): Promise<void> {
    await this.#remote?.settled()
  }

  candidates({ algorithm, kid }: Token): readonly Candidate[] {
    const remote = this.#acceptsRemote(algorithm) ? (this.#remote?.keys ?? []) : []
    return candidatesOf([...this.#keys, ...remote], algorithm, kid).map((key) => ({ key, owned: null }))
  }

  whyNone(): Reason {
    return 'unknownKey'
  }

  async refetch({ algorithm, kid }: Token, version: number): Promise<boolean> {
    return this.#remote !== null && this.#acceptsRemote(algorithm) && (await this.#remote.refetch(kid, version))
  }

  /** What is published cannot be a secret, whatever it says. */
  #acceptsRemote(algorithm: Algorithm): boolean {
    if (this.#remote === null || DEMANDS[algorithm].type === 'secret') return false
    return this.#remoteAlgorithms === null || this.#remoteAlgorithms.has(algorithm)
  }
}

export interface ConsumerKeysOptions {
  /** The claim, or else the header member, that holds a credential's key. */
  readonly keyClaim: string
  readonly algorithms: readonly Algorithm[] | null
  readonly secretEncoding: SecretEncoding
}

/** Keys of consumers: the token says whose it claims to be, and only that consumer's keys are tried. */
export class ConsumerKeys implements KeySource {
  readonly version = 0
  readonly isComplete = true
  readonly #options: ConsumerKeysOptions
  readonly #consumers: ConsumerDirectory
  readonly #clock: Clock
  readonly #log: Logger
  /** Made at the first use of each; null for one that is no key. */
  readonly #keys = new WeakMap<JwtCredential, BoundKey | null>()

  constructor(options: ConsumerKeysOptions, consumers: ConsumerDirectory, clock: Clock, log: Logger) {
    this.#options = options
    this.#consumers = consumers
    this.#clock = clock
    this.#log = log
  }

  accepts(algorithm: Algorithm): boolean {
    return this.#options.algorithms?.includes(algorithm) ?? true
  }

  ready(): boolean {
    return true
  }

  async settled(): Promise<void> {}

  candidates({ algorithm, claims, header }: Token): readonly Candidate[] {
    const name = textOf(claims, this.#options.keyClaim) ?? textOf(header, this.#options.keyClaim)
    if (name === undefined) return []
    const now = this.#clock.epochMs()
    const found: Candidate[] = []
    for (const owned of this.#consumers.byJwtKey(name)) {
      if (owned.credential.algorithm !== algorithm || !isInForce(owned.credential, now)) continue
      const key = this.#keyOf(owned.credential)
      if (key !== null) found.push({ key, owned })
    }
    return found.slice(0, CANDIDATES_MAX)
  }

  whyNone({ algorithm, claims, header }: Token): Reason {
    const { keyClaim } = this.#options
    const name = textOf(claims, keyClaim) ?? textOf(header, keyClaim)
    if (name === undefined) {
      return [claims, header].some((object) => Object.hasOwn(object, keyClaim) && object[keyClaim] === '') ? 'keyNameEmpty' : 'keyUnnamed'
    }
    const known = this.#consumers.byJwtKey(name)
    if (known.length === 0) return 'unknownKey'
    return known.some(({ credential }) => credential.algorithm === algorithm) ? 'keyUnusable' : 'algorithm'
  }

  async refetch(): Promise<boolean> {
    return false
  }

  #keyOf(credential: JwtCredential): BoundKey | null {
    const known = this.#keys.get(credential)
    if (known !== undefined) return known
    let key: BoundKey | null = null
    try {
      key = credentialKey(credential, this.#options.secretEncoding)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#log.warn({ policy: 'jwt', credential: credential.id, reason }, 'the key of a consumer cannot be used')
    }
    this.#keys.set(credential, key)
    return key
  }
}

const CANDIDATES_MAX = 10

function credentialKey({ algorithm, secret }: JwtCredential, encoding: SecretEncoding): BoundKey {
  if (!isAlgorithm(algorithm)) throw new Error('its algorithm is not known')
  return bind(DEMANDS[algorithm].type === 'secret' ? secretKey(secret, encoding) : pemKey(secret), null, [algorithm])
}

function textOf(object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  if (!Object.hasOwn(object, name)) return undefined
  const value = object[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
