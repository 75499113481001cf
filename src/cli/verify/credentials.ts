/** What consumers of a Kong file show of themselves. */
import { createHmac } from 'node:crypto'
import type { ConsumerEntity, KongDocument, PluginEntity } from '../../config/formats/kong/types.ts'

/** Fields of a request that say who calls, made when it is sent. */
export interface Proof {
  /** `key of mobile-app`. */
  readonly name: string
  /** The plugin that takes it; null for one that none does. */
  readonly plugin: string | null
  /** Added to the query; empty for none. */
  readonly query: string
  readonly headers: (epochMs: number) => Readonly<Record<string, string>>
}

/** So far ahead that no test of a clock sees its end. */
const EXPIRES_EPOCH_S = 4_000_000_000

/** Proofs of each credential, right and wrong ones, in the forms that plugins of the file ask for. Keys of RS, ES and PS tokens are public here: none for these. */
export function proofsOf(document: KongDocument, consumers: readonly ConsumerEntity[]): Proof[] {
  const names = settingsOf(document)
  return [
    ...consumers.flatMap((consumer) => [
      ...consumer.credentials.keyAuth.flatMap(({ fields: { key } }) => (key === '' ? [] : keyProofs(consumer.label, key, names.keys))),
      ...consumer.credentials.basicAuth.flatMap(({ fields }) => basicProofs(consumer.label, fields, document.isPlain)),
      ...consumer.credentials.jwt.flatMap(({ fields }) => jwtProofs(consumer.label, fields, names.claims)),
      ...consumer.credentials.hmacAuth.flatMap(({ fields }) => hmacProofs(consumer.label, fields)),
    ]),
    ...names.keys.map((name) => fixed(`an unknown key in ${name}`, { [name]: 'a-key-of-nobody' })),
    fixed('an unknown password', { authorization: `Basic ${Buffer.from('nobody:wrong').toString('base64')}` }),
    fixed('a token that is none', { authorization: 'Bearer a.b.c' }),
    fixed('a token of nobody', { authorization: `Bearer ${tokenOf({ iss: 'nobody' }, 'HS256', 'no-secret-of-anybody')}` }),
  ]
}

function settingsOf({ plugins }: KongDocument): { readonly keys: readonly string[]; readonly claims: readonly string[] } {
  const listed = (name: string, field: string, preset: string): string[] => {
    const found = plugins.filter(({ fields }) => fields.name === name).flatMap((plugin) => textsIn(plugin, field))
    const all = plugins.some(({ fields }) => fields.name === name) ? [preset, ...found] : []
    return [...new Set(all)].slice(0, 4)
  }
  return { keys: listed('key-auth', 'key_names', 'apikey'), claims: listed('jwt', 'key_claim_name', 'iss') }
}

function textsIn({ fields: { config } }: PluginEntity, field: string): string[] {
  const entries: readonly [string, unknown][] = typeof config === 'object' && config !== null ? Object.entries(config) : []
  const value = new Map(entries).get(field)
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string')
}

function fixed(name: string, headers: Readonly<Record<string, string>>, query = '', plugin: string | null = null): Proof {
  return { name, plugin, query, headers: () => headers }
}

/** One that holds all of several; of fields that more than one has, the first counts. */
export function joined(proofs: readonly Proof[]): Proof | null {
  const [first, ...others] = proofs
  if (first === undefined || others.length === 0) return first ?? null
  return {
    ...first,
    name: proofs.map(({ name }) => name).join(', '),
    headers: (epochMs) => Object.assign({}, ...proofs.toReversed().map((proof) => proof.headers(epochMs))) as Record<string, string>,
  }
}

function keyProofs(label: string, key: string, names: readonly string[]): Proof[] {
  return names.flatMap((name) => [
    fixed(`key of ${label} in ${name}`, /^[\x20-\x7e]*$/.test(key) ? { [name]: key } : {}, '', 'key-auth'),
    fixed(`key of ${label} in the query`, {}, `${encodeURIComponent(name)}=${encodeURIComponent(key)}`),
  ])
}

function basicProofs(
  label: string,
  { username, password }: { readonly username: string; readonly password: string },
  isPlain: boolean,
): Proof[] {
  const of = (name: string, secret: string, plugin: string | null): Proof =>
    fixed(`${name} of ${label}`, { authorization: `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` }, '', plugin)
  return [...(isPlain ? [of('password', password, 'basic-auth')] : []), of('a wrong password', 'not-the-password', null)]
}

type JwtFields = ConsumerEntity['credentials']['jwt'][number]['fields']

function jwtProofs(label: string, { key, secret, algorithm }: JwtFields, claims: readonly string[]): Proof[] {
  if (secret === null || key === '' || !algorithm.startsWith('HS')) return []
  return claims.flatMap((claim) => {
    const bearer = (name: string, more: object, signedWith = secret): Proof =>
      fixed(`${name} of ${label} by ${claim}`, { authorization: `Bearer ${tokenOf({ [claim]: key, ...more }, algorithm, signedWith)}` })
    return [
      { ...bearer('a token', { exp: EXPIRES_EPOCH_S }), plugin: 'jwt' },
      bearer('a token without exp', {}),
      bearer('an expired token', { exp: 1_000_000_000 }),
      bearer('a token before its time', { exp: EXPIRES_EPOCH_S, nbf: EXPIRES_EPOCH_S - 1 }),
      bearer('a forged token', { exp: EXPIRES_EPOCH_S }, `${secret}-not`),
    ]
  })
}

function tokenOf(claims: object, algorithm: string, secret: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: algorithm, typ: 'JWT' })}.${encode(claims)}`
  return `${signed}.${createHmac(`sha${algorithm.slice(2)}`, secret)
    .update(signed)
    .digest('base64url')}`
}

function hmacProofs(label: string, { username, secret }: { readonly username: string; readonly secret: string }): Proof[] {
  if (secret === '') return []
  const of = (name: string, key: string, plugin: string | null): Proof => ({
    name: `${name} of ${label}`,
    plugin,
    query: '',
    headers: (epochMs) => {
      const date = new Date(epochMs).toUTCString()
      const signature = createHmac('sha256', key).update(`x-date: ${date}`).digest('base64')
      return {
        'x-date': date,
        authorization: `hmac username="${username}", algorithm="hmac-sha256", headers="x-date", signature="${signature}"`,
      }
    },
  })
  return [of('a signature', secret, 'hmac-auth'), of('a wrong signature', `${secret}-not`, null)]
}
