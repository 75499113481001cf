/** What the parts of the translation of Kong's files share. */
import type { z } from '../../../core/schema.ts'
import type { SourceLocation } from '../../ir.ts'
import type { ConfigNode, ConfigPath, MapNode } from '../../tree.ts'
import type { Healthchecks } from './healthcheck-schema.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** How well something of a Kong file is carried over. */
export type Fidelity = 'exact' | 'approximated' | 'unsupported'

/** Something that is not carried exactly, and why. The report, `check` and docs/kong.md all tell it from here. */
export interface FidelityRule {
  readonly fidelity: 'approximated' | 'unsupported'
  /** What differs and what to do, a sentence or two for who knows Kong. */
  readonly reason: string
}

/** Rules by the field they are about, `config.strategy`; with `#word` behind it where a field has several. */
export type FidelityRules = Readonly<Record<string, FidelityRule>>

/** A rule that applies to something in a file. */
export interface FidelityNote extends FidelityRule {
  /** `service users`, `route orders`, `plugin jwt of route orders`. */
  readonly entity: string
  /** `config.strategy`; empty for the entity as a whole. */
  readonly field: string
  readonly at: SourceLocation
}

/** Plain JSON, in which nodes of the Kong file may stand where their places are to be kept. */
export type Written = string | number | boolean | null | ConfigNode | readonly Written[] | { readonly [key: string]: Written | undefined }

/** An entity as it stands in a file, defaults filled in. */
export interface Entity<Fields> {
  readonly fields: Fields
  /** `service users`: what reports and messages call it. */
  readonly label: string
  /** As written, or the UUIDv5 of what is unique about it. */
  readonly id: string
  readonly node: MapNode
  readonly at: SourceLocation
  /** Where a field, or what is below it, stands. */
  readonly locate: (path: ConfigPath) => SourceLocation
}

/** What a plugin is configured for; all that is there must apply. */
export interface PluginScope {
  readonly service: ServiceEntity | null
  readonly route: RouteEntity | null
  readonly consumer: ConsumerEntity | null
}

export interface PluginFields {
  readonly name: string
  readonly instanceName: string | null
  readonly enabled: boolean
  /** Checked by the plugin's own schema, Kong's defaults filled in. */
  readonly config: unknown
  readonly protocols: readonly string[]
  readonly tags: readonly string[]
}

export interface PluginEntity extends Entity<PluginFields> {
  readonly scope: PluginScope
}

export interface ServiceFields {
  /** Of the entity, or its id: unique, and a name that the native form takes. */
  readonly name: string
  readonly protocol: 'http' | 'https' | 'grpc' | 'grpcs'
  readonly host: string
  readonly port: number
  readonly path: string | null
  readonly retries: number
  readonly connectTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly readTimeoutMs: number
  readonly enabled: boolean
  readonly tlsVerify: boolean | null
  readonly tags: readonly string[]
}

export interface ServiceEntity extends Entity<ServiceFields> {
  /** The upstream that its host names; null where the host is one of the DNS. */
  readonly upstream: UpstreamEntity | null
  readonly clientCertificate: CertificateEntity | null
  readonly caCertificates: readonly Entity<{ readonly cert: string }>[]
}

type Hashed = 'none' | 'consumer' | 'ip' | 'header' | 'cookie' | 'path' | 'query_arg' | 'uri_capture'

export interface UpstreamFields {
  readonly name: string
  readonly algorithm: 'round-robin' | 'consistent-hashing' | 'least-connections' | 'latency'
  readonly hash_on: Hashed
  readonly hash_fallback: Hashed
  readonly hash_on_header?: string | undefined
  readonly hash_fallback_header?: string | undefined
  readonly hash_on_cookie?: string | undefined
  readonly hash_on_cookie_path: string
  readonly hash_on_query_arg?: string | undefined
  readonly hash_fallback_query_arg?: string | undefined
  readonly hash_on_uri_capture?: string | undefined
  readonly hash_fallback_uri_capture?: string | undefined
  readonly slots: number
  readonly healthchecks: Healthchecks
  readonly host_header?: string | undefined
  readonly use_srv_name: boolean
  readonly tags: readonly string[]
}

export type TargetEntity = Entity<{ readonly target: string; readonly weight: number; readonly tags: readonly string[] }>

export interface UpstreamEntity extends Entity<UpstreamFields> {
  readonly targets: readonly TargetEntity[]
  readonly clientCertificate: CertificateEntity | null
}

export interface CertificateFields {
  readonly cert: string
  readonly key: string
  readonly cert_alt?: string | undefined
  readonly key_alt?: string | undefined
  readonly passphrase?: string | undefined
}

export interface CertificateEntity extends Entity<CertificateFields> {
  /** Names of the SNIs that it is for. */
  readonly snis: readonly string[]
}

export interface RouteFields {
  readonly name: string
  readonly protocols: readonly string[]
  readonly methods: readonly string[]
  readonly hosts: readonly string[]
  readonly paths: readonly string[]
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly snis: readonly string[]
  readonly stripPath: boolean
  readonly preserveHost: boolean
  readonly regexPriority: number
  readonly httpsRedirectStatusCode: number
  readonly pathHandling: 'v0' | 'v1'
  readonly requestBuffering: boolean
  readonly responseBuffering: boolean
  readonly tags: readonly string[]
}

export interface RouteEntity extends Entity<RouteFields> {
  readonly service: ServiceEntity | null
}

export interface ConsumerFields {
  /** `username`, or else `custom_id`, as a name that the native form takes. */
  readonly name: string
  readonly username: string | null
  readonly customId: string | null
  readonly tags: readonly string[]
}

export interface ConsumerEntity extends Entity<ConsumerFields> {
  readonly credentials: {
    readonly keyAuth: readonly Entity<{ readonly key: string }>[]
    readonly basicAuth: readonly Entity<{ readonly username: string; readonly password: string }>[]
    readonly hmacAuth: readonly Entity<{ readonly username: string; readonly secret: string }>[]
    readonly jwt: readonly Entity<{
      readonly key: string
      readonly secret: string | null
      readonly algorithm: string
      readonly rsaPublicKey: string | null
    }>[]
    readonly acls: readonly Entity<{ readonly group: string }>[]
  }
}

/** An entity of any kind as it stands in a file, also one that is switched off, or left out. */
export interface WrittenEntity {
  /** The key of its list: `services`. */
  readonly kind: string
  readonly label: string
  readonly node: MapNode
  /** Keys below which other entities stand. */
  readonly children: readonly string[]
}

/** A Kong file, read: entities with their references resolved. */
export interface KongDocument {
  /** Every entity of every kind, in the order of the file. */
  readonly written: readonly WrittenEntity[]
  /** Where `_format_version` stands. */
  readonly at: SourceLocation
  /** Whether credentials are written in plain (`_transform`, true unless said otherwise). */
  readonly isPlain: boolean
  readonly services: readonly ServiceEntity[]
  readonly routes: readonly RouteEntity[]
  readonly upstreams: readonly UpstreamEntity[]
  readonly certificates: readonly CertificateEntity[]
  readonly consumers: readonly ConsumerEntity[]
  /** Those that are enabled, of plugins that are known. */
  readonly plugins: readonly PluginEntity[]
}

/** A policy that a plugin becomes. */
export interface TranslatedPolicy {
  /** Of the native form. */
  readonly kind: string
  /** Its policy is called `kind:name`, so that it stands beside others of the kind, in Kong's place of `name`. The plugin's own name unless given. */
  readonly name?: string
  /** What is written in the policy's block. */
  readonly options: Readonly<Record<string, Written | undefined>>
}

/** What a plugin becomes. */
export interface TranslatedPlugin {
  readonly policies: readonly TranslatedPolicy[]
  /** What it adds at the root of the native form: `stores.redis`, `tracing`. Two plugins must not say different things there. */
  readonly root?: Readonly<Record<string, Written | undefined>>
}

/** What a plugin's translation may ask and tell. */
export interface PluginSurroundings {
  readonly plugin: PluginEntity
  readonly document: KongDocument
  /** Whether another plugin of that name applies wherever this one does. */
  readonly hasBeside: (plugin: string) => boolean
  /** Where something in `config` stands. */
  readonly locate: (path: ConfigPath) => SourceLocation
  /** A rule of the plugin applies here. @param rule its key. @param path from `config` down */
  readonly note: (rule: string, path?: ConfigPath) => void
  /** Kong takes this and it cannot be carried: the file is not taken, or with `--skip-unsupported` it is left out. @param path from `config` down */
  readonly unsupported: (reason: string, path: ConfigPath) => void
  /** Kong would refuse this, or it cannot be carried and must not be left out: the file is not taken. */
  readonly error: (message: string, path?: ConfigPath) => void
}

/** One of Kong's plugins: a file in `plugins/`, a line in `plugins/index.ts`. */
export interface KongPlugin<Config> {
  readonly name: string
  /** Of `config`, in Kong's spelling, with Kong's defaults. Unknown fields are refused, as Kong does. */
  readonly schema: z.ZodType<Config>
  /** Kong takes it for no consumer. */
  readonly noConsumer?: true
  /** What of it is not carried exactly, by field. */
  readonly rules: FidelityRules
  translate(config: Config, around: PluginSurroundings): TranslatedPlugin
}
