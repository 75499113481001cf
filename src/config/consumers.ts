/** Consumers of the native form to the intermediate representation: what their schema cannot see is checked here. */
import { createHash, hash } from 'node:crypto'
import type { CertificateMark, Credential } from '../core/consumers.ts'
import { nearest } from '../core/nearest.ts'
import { hashPassword, LOAD_COST } from '../core/password-hash.ts'
import { isEarly, type PolicyOrder } from '../core/policy-order.ts'
import type { Problem } from './diagnostics.ts'
import type { ConsumerIr, PolicyIr, SourceLocation } from './ir.ts'
import type { NativeConsumer, PolicyBlock } from './schema.ts'
import { type ConfigNode, type ConfigPath, locate } from './tree.ts'

type Consumers = Readonly<Record<string, NativeConsumer>>
type Blocks = Readonly<Record<string, PolicyBlock | undefined>>

export interface ConsumerSurroundings {
  readonly tree: ConfigNode
  /** Names of the routes. */
  readonly routes: ReadonlySet<string>
  readonly order: PolicyOrder
  policiesOf(path: ConfigPath, blocks: Blocks | undefined): PolicyIr[]
}

/** Makes the consumers of a checked configuration, whose passwords are hashed already: see {@link hashPasswords}. */
export function consumersOf(consumers: Consumers, around: ConsumerSurroundings, problems: Problem[]): ConsumerIr[] {
  const translator = new Translator(around, problems)
  return Object.entries(consumers).map(([name, consumer]) => translator.consumer(name, consumer))
}

/** A shorter key can be found by trying. */
const KEY_CHARS_WANTED = 16
/** Of a hundred thousand short keys or weak hashes, as many are named. */
const WEAK_TOLD = 20
/** What checks a name tries every password that it has. */
const PASSWORDS_PER_NAME_MAX = 4

class Translator {
  readonly #around: ConsumerSurroundings
  readonly #problems: Problem[]
  /** Who has what already, by kind and value, and where that stands. */
  readonly #taken = new Map<string, { readonly consumer: string; readonly at: SourceLocation; count: number }>()
  #shortKeys = 0
  #weakHashes = 0

  constructor(around: ConsumerSurroundings, problems: Problem[]) {
    this.#around = around
    this.#problems = problems
  }

  consumer(name: string, consumer: NativeConsumer): ConsumerIr {
    const path = ['consumers', name]
    return {
      name,
      at: locate(this.#around.tree, path, 'key'),
      id: consumer.id ?? null,
      labels: consumer.labels ?? null,
      groups: [...new Set(consumer.groups)],
      credentials: [...this.#credentials(name, path, consumer)],
      policies: this.#policies([...path, 'policies'], consumer.policies),
      routes: Object.entries(consumer.routes).map(([route, { policies }]) => {
        this.#checkRoute([...path, 'routes', route], route)
        return { route, policies: this.#policies([...path, 'routes', route, 'policies'], policies) }
      }),
    }
  }

  *#credentials(name: string, path: ConfigPath, { keys, basic, hmac, jwt, certificates }: NativeConsumer): Generator<Credential> {
    for (const [index, key] of keys.entries()) {
      const at = [...path, 'keys', index]
      const written = typeof key === 'string' ? { key } : key
      if (written.key !== undefined) this.#checkLength(typeof key === 'string' ? at : [...at, 'key'], written.key)
      const digest = written.key === undefined ? (written.hash ?? '').slice('sha256:'.length).toLowerCase() : hash('sha256', written.key)
      this.#take(`key ${digest}`, name, at, 'this API key', 1)
      yield { kind: 'key', ...this.#period(name, 'key', index, at, written), digest }
    }
    for (const [index, entry] of basic.entries()) {
      const at = [...path, 'basic', index]
      const { username, passwordHash = '' } = entry
      this.#take(`basic ${username}`, name, [...at, 'username'], 'this username', PASSWORDS_PER_NAME_MAX)
      this.#checkHash([...at, 'passwordHash'], passwordHash)
      yield { kind: 'basic', ...this.#period(name, 'basic', index, at, entry), username, passwordHash }
    }
    for (const [index, entry] of hmac.entries()) {
      const at = [...path, 'hmac', index]
      const { keyId, secret } = entry
      this.#take(`hmac ${keyId}`, name, [...at, 'keyId'], 'this `keyId`', PASSWORDS_PER_NAME_MAX)
      yield { kind: 'hmac', ...this.#period(name, 'hmac', index, at, entry), keyId, secret }
    }
    for (const [index, entry] of jwt.entries()) {
      const at = [...path, 'jwt', index]
      const { key, algorithm, secret, publicKey } = entry
      this.#take(`jwt ${key}`, name, [...at, 'key'], 'this `key`', PASSWORDS_PER_NAME_MAX)
      yield { kind: 'jwt', ...this.#period(name, 'jwt', index, at, entry), key, algorithm, secret: secret ?? publicKey ?? '' }
    }
    for (const [index, entry] of certificates.entries()) {
      const at = [...path, 'certificates', index]
      const [by, value] = markOf(entry)
      this.#take(`certificate ${by} ${value}`, name, [...at, by], `this \`${by}\``, 1)
      yield { kind: 'certificate', ...this.#period(name, 'certificate', index, at, entry), by, value }
    }
  }

  #period(
    name: string,
    kind: string,
    index: number,
    path: ConfigPath,
    { id, notBefore, expires }: Period,
  ): Pick<Credential, 'id' | 'notBeforeMs' | 'expiresAtMs'> {
    if (notBefore !== undefined && expires !== undefined && notBefore >= expires) {
      this.#error([...path, 'expires'], 'expected a time after `notBefore`: so it never holds')
    }
    const named = id ?? `${name}-${kind}-${index + 1}`
    this.#take(`id ${named}`, name, id === undefined ? path : [...path, 'id'], `the id \`${named}\``, 1)
    return { id: named, notBeforeMs: notBefore ?? null, expiresAtMs: expires ?? null }
  }

  /** What names a credential names one consumer, and, up to `max` times for a rotation, may stand there again. */
  #take(key: string, consumer: string, path: ConfigPath, what: string, max: number): void {
    const before = this.#taken.get(key)
    if (before === undefined) {
      this.#taken.set(key, { consumer, at: locate(this.#around.tree, path), count: 1 })
      return
    }
    const { file, line, column } = before.at
    if (before.consumer !== consumer || max === 1) {
      this.#error(path, `${what} is already that of \`${before.consumer}\` at ${file}:${line}:${column}`)
    } else if (++before.count > max) {
      this.#error(path, `${what} stands here more than ${max} times, first at ${file}:${line}:${column}`)
    }
  }

  #checkLength(path: ConfigPath, key: string): void {
    if (key.length >= KEY_CHARS_WANTED || ++this.#shortKeys > WEAK_TOLD) return
    const message = `this API key has fewer than ${KEY_CHARS_WANTED} characters: who tries long enough finds it`
    this.#problems.push({ severity: 'warning', location: locate(this.#around.tree, path), message })
  }

  #checkHash(path: ConfigPath, passwordHash: string): void {
    if (!passwordHash.startsWith('sha1:') || ++this.#weakHashes > WEAK_TOLD) return
    const message = 'a SHA-1 hides a password badly from who reads it: let `turnpike hash password` make a new hash'
    this.#problems.push({ severity: 'warning', location: locate(this.#around.tree, path), message })
  }

  #checkRoute(path: ConfigPath, route: string): void {
    const { routes } = this.#around
    if (routes.has(route)) return
    const near = nearest(route, [...routes])
    this.#error(path, `there is no route \`${route}\`${near === null ? '' : `; did you mean \`${near}\`?`}`, 'key')
  }

  #policies(path: ConfigPath, blocks: Blocks | undefined): PolicyIr[] {
    const policies = this.#around.policiesOf(path, blocks)
    for (const { name } of policies) {
      if (isEarly(this.#around.order, name)) {
        this.#error([...path, name], `\`${name}\` acts before the consumer is known: it cannot be a consumer's own`, 'key')
      }
    }
    return policies
  }

  /** No message here names a value that may be secret. */
  #error(path: ConfigPath, message: string, part: 'key' | 'value' = 'value'): void {
    this.#problems.push({ severity: 'error', location: locate(this.#around.tree, path, part), message })
  }
}

/** What a certificate is known by; its schema has seen that it is one thing. */
function markOf({ fingerprint, subject, san }: NativeConsumer['certificates'][number]): readonly [CertificateMark, string] {
  if (fingerprint !== undefined) return ['fingerprint', fingerprint]
  return subject === undefined ? ['san', san ?? ''] : ['subject', subject]
}

interface Period {
  readonly id?: string | undefined
  readonly notBefore?: number | undefined
  readonly expires?: number | undefined
}

/** Some seconds of hashing at each load. */
const PLAIN_PASSWORDS_MAX = 2_000

/**
 * Puts hashes in place of the passwords that are written as they are. The salt follows from whose password it is, so that the same
 * configuration has the same revision. Changes `consumers`.
 */
export async function hashPasswords(consumers: Consumers, tree: ConfigNode, problems: Problem[]): Promise<void> {
  const jobs: Promise<void>[] = []
  for (const [name, { basic }] of Object.entries(consumers)) {
    for (const [index, entry] of basic.entries()) {
      if (entry.password === undefined) continue
      if (jobs.length === PLAIN_PASSWORDS_MAX) {
        const location = locate(tree, ['consumers', name, 'basic', index, 'password'])
        const message = `hashing more than ${PLAIN_PASSWORDS_MAX} passwords takes too long at each load: write a \`passwordHash\` for this and further ones`
        problems.push({ severity: 'error', location, message })
        await Promise.all(jobs)
        return
      }
      jobs.push(putHash(name, entry, entry.password))
    }
  }
  await Promise.all(jobs)
}

async function putHash(consumer: string, entry: NativeConsumer['basic'][number], password: string): Promise<void> {
  const salt = createHash('sha256').update(`turnpike password\0${consumer}\0${entry.username}`).digest().subarray(0, 16)
  const passwordHash = await hashPassword(password, salt, LOAD_COST)
  Object.assign(entry, { passwordHash, password: undefined })
}
