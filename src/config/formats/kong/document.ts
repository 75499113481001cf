/** A Kong file's entities with their references resolved, checked against each other as Kong does it. */
import type { Problem } from '../../diagnostics.ts'
import { type ConfigPath, locate, type MapNode, nodeAt } from '../../tree.ts'
import {
  ACL,
  BASICAUTH,
  CA_CERTIFICATE,
  CERTIFICATE,
  CONSUMER,
  childrenOf,
  ENTITIES,
  HMACAUTH,
  KEYAUTH,
  PLUGIN,
  SNI,
  TARGET,
  UPSTREAM,
} from './entities.ts'
import { checkJwtSecret, checkRoute, checkService, checkUpstream } from './entity-checks.ts'
import { checkFields, EntityReader, type ReadEntities, type ReadEntity } from './entity-reader.ts'
import { addTo } from './groups.ts'
import { NativeNames } from './native-names.ts'
import type { Notes } from './notes.ts'
import type {
  CertificateEntity,
  ConsumerEntity,
  Entity,
  KongDocument,
  PluginEntity,
  RouteEntity,
  ServiceEntity,
  TargetEntity,
  UpstreamEntity,
  WrittenEntity,
} from './types.ts'

const FORMATS = ['1.1', '2.1', '3.0']
const HTTP_FAMILY = ['grpc', 'grpcs', 'http', 'https']

/** Reads a file in the format 3.0, references to vaults resolved. What is wrong is told to `problems`, all at once; such entities are left out. */
export function readDocument(root: MapNode, notes: Notes, problems: Problem[]): KongDocument {
  checkMeta(root, notes, problems)
  const reader = new EntityReader(root, problems, (key, at, advice) => void notes.unsupported(`\`${key}\``, '', at, advice))
  return new Builder(reader.read(), notes, problems).build(root)
}

function checkMeta(root: MapNode, notes: Notes, problems: Problem[]): void {
  const error = (path: ConfigPath, message: string): void =>
    void problems.push({ severity: 'error', location: locate(root, path), message })
  const format = nodeAt(root, ['_format_version'])
  const version = format?.kind === 'scalar' ? format.value : null
  if (typeof version === 'number') error(['_format_version'], `expected text: write it in quotes, "${version.toFixed(1)}"`)
  else if (!FORMATS.includes(String(version))) error(['_format_version'], 'expected one of "1.1", "2.1", "3.0"')
  const transform = nodeAt(root, ['_transform'])
  if (transform !== null && !(transform.kind === 'scalar' && typeof transform.value === 'boolean'))
    error(['_transform'], 'expected true or false')
  for (const key of ['_info', '_plugin_configs', '_workspace', '_konnect']) {
    const entry = root.entries.get(key)
    if (entry === undefined) continue
    const defaults = nodeAt(root, ['_info', 'defaults'])
    const hasDefaults = defaults !== null && !(defaults.kind === 'map' && defaults.entries.size === 0)
    const isEmpty = key === '_workspace' || (key === '_info' && !hasDefaults)
    const reason = 'it is of decK, not of Kong, and not looked at; `deck file render` resolves it'
    if (isEmpty) notes.note('the file', { [key]: { fidelity: 'approximated', reason } }, key, entry.keyAt)
    else notes.unsupported('the file', key, entry.keyAt, reason)
  }
}

class Builder {
  readonly #read: ReadEntities
  readonly #notes: Notes
  readonly #problems: Problem[]
  readonly #certificates = new Map<ReadEntity, CertificateEntity>()
  readonly #services = new Map<ReadEntity, ServiceEntity>()
  readonly #routes = new Map<ReadEntity, RouteEntity>()
  readonly #consumers = new Map<ReadEntity, ConsumerEntity>()

  constructor(read: ReadEntities, notes: Notes, problems: Problem[]) {
    this.#read = read
    this.#notes = notes
    this.#problems = problems
  }

  build(root: MapNode): KongDocument {
    const isPlain = nodeAt(root, ['_transform'])
    this.#buildCertificates()
    const upstreams = this.#upstreams()
    this.#buildServices(upstreams)
    this.#buildRoutes()
    this.#buildConsumers()
    return {
      written: this.#written(),
      at: locate(root, ['_format_version']),
      isPlain: !(isPlain?.kind === 'scalar' && isPlain.value === false),
      services: [...this.#services.values()],
      routes: [...this.#routes.values()],
      upstreams: [...upstreams.values()],
      certificates: [...this.#certificates.values()],
      consumers: [...this.#consumers.values()],
      plugins: this.#plugins(),
    }
  }

  #written(): WrittenEntity[] {
    const all = Object.values(this.#read).flat()
    const entities = all.map(({ kind, label, node }) => ({
      kind,
      label,
      node,
      children: childrenOf(kind).flatMap((child) => (child.kind in ENTITIES[kind].schema.shape ? [] : child.kind)),
    }))
    return entities.toSorted(({ node: { at: a } }, { node: { at: b } }) => a.line - b.line || a.column - b.column)
  }

  #entity<Fields>({ node, label, id }: ReadEntity, fields: Fields): Entity<Fields> {
    return { fields, label, id, node, at: node.at, locate: (path) => locate(node, path) }
  }

  #buildCertificates(): void {
    const snis = new Map<ReadEntity | undefined, string[]>()
    for (const read of this.#read.snis) {
      const fields = checkFields(read, SNI, this.#problems)
      const certificate = read.references.get('certificate')
      if (fields !== null) addTo(snis, certificate, fields.name)
    }
    for (const read of this.#read.certificates) {
      const fields = checkFields(read, CERTIFICATE, this.#problems)
      if (fields !== null) this.#certificates.set(read, { ...this.#entity(read, fields), snis: snis.get(read) ?? [] })
    }
  }

  #certificateOf({ references }: ReadEntity): CertificateEntity | null {
    const read = references.get('client_certificate')
    return read === undefined ? null : (this.#certificates.get(read) ?? null)
  }

  /** By name. */
  #upstreams(): Map<string, UpstreamEntity> {
    const upstreams = new Map<string, UpstreamEntity>()
    const targets = new Map<ReadEntity | undefined, TargetEntity[]>()
    for (const read of this.#read.targets) {
      const fields = checkFields(read, TARGET, this.#problems)
      const upstream = read.references.get('upstream')
      if (fields !== null) addTo(targets, upstream, this.#entity(read, fields))
    }
    for (const read of this.#read.upstreams) {
      const fields = checkFields(read, UPSTREAM, this.#problems)
      if (fields === null) continue
      checkUpstream(fields, read.node, this.#problems)
      upstreams.set(fields.name, {
        ...this.#entity(read, fields),
        targets: targets.get(read) ?? [],
        clientCertificate: this.#certificateOf(read),
      })
    }
    return upstreams
  }

  #buildServices(upstreams: ReadonlyMap<string, UpstreamEntity>): void {
    const names = new NativeNames()
    const caCertificates = new Map(
      this.#read.ca_certificates.flatMap((read) => {
        const fields = checkFields(read, CA_CERTIFICATE, this.#problems)
        return fields === null ? [] : [[read.id, this.#entity(read, fields)]]
      }),
    )
    for (const read of this.#read.services) {
      const fields = checkService(read, this.#notes, this.#problems)
      if (fields === null) continue
      const cas = (fields.ca_certificates ?? []).flatMap((id, index) => {
        const ca = caCertificates.get(id.toLowerCase())
        if (ca === undefined) {
          const message = `invalid reference 'ca_certificates: ${id}' (no such entry in 'ca_certificates')`
          this.#problems.push({ severity: 'error', location: locate(read.node, ['ca_certificates', index]), message })
        }
        return ca ?? []
      })
      const { protocol, host } = fields
      if (protocol !== 'http' && protocol !== 'https' && protocol !== 'grpc' && protocol !== 'grpcs') continue
      this.#services.set(read, {
        ...this.#entity(read, {
          name: names.take(fields.name ?? null, read.id),
          protocol,
          host,
          port: fields.port,
          path: fields.path ?? null,
          retries: fields.retries,
          connectTimeoutMs: fields.connect_timeout,
          writeTimeoutMs: fields.write_timeout,
          readTimeoutMs: fields.read_timeout,
          enabled: fields.enabled,
          tlsVerify: fields.tls_verify ?? null,
          tags: fields.tags,
        }),
        upstream: upstreams.get(host) ?? null,
        clientCertificate: this.#certificateOf(read),
        caCertificates: cas,
      })
    }
  }

  #buildRoutes(): void {
    const names = new NativeNames()
    for (const read of this.#read.routes) {
      const fields = checkRoute(read, this.#notes, this.#problems)
      if (fields === null) continue
      const referred = read.references.get('service')
      const service = referred === undefined ? null : this.#services.get(referred)
      // Of a service that is wrong, or left out.
      if (service === undefined) continue
      const isGrpc = fields.protocols.some((protocol) => protocol.startsWith('grpc'))
      this.#routes.set(read, {
        ...this.#entity(read, {
          name: names.take(fields.name ?? null, read.id),
          protocols: fields.protocols,
          methods: fields.methods,
          hosts: fields.hosts,
          paths: fields.paths,
          headers: Object.fromEntries(Object.entries(fields.headers).map(([name, values]) => [name.toLowerCase(), values])),
          snis: fields.snis,
          stripPath: fields.strip_path ?? !isGrpc,
          preserveHost: fields.preserve_host,
          regexPriority: fields.regex_priority,
          httpsRedirectStatusCode: fields.https_redirect_status_code,
          pathHandling: fields.path_handling,
          requestBuffering: fields.request_buffering,
          responseBuffering: fields.response_buffering,
          tags: fields.tags,
        }),
        service,
      })
    }
  }

  #buildConsumers(): void {
    const names = new NativeNames()
    const credentials = this.#credentials()
    for (const read of this.#read.consumers) {
      const fields = checkFields(read, CONSUMER, this.#problems)
      if (fields === null) continue
      const { username = null, custom_id: customId = null, tags } = fields
      if (username === null && customId === null) {
        const message = "at least one of these fields must be non-empty: 'custom_id', 'username'"
        this.#problems.push({ severity: 'error', location: read.node.at, message })
        continue
      }
      this.#consumers.set(read, {
        ...this.#entity(read, { name: names.take(username ?? customId, read.id), username, customId, tags }),
        credentials: credentials(read),
      })
    }
  }

  #credentials(): (consumer: ReadEntity) => ConsumerEntity['credentials'] {
    const keys = this.#byConsumer('keyauth_credentials', (read) => checkFields(read, KEYAUTH, this.#problems))
    const basic = this.#byConsumer('basicauth_credentials', (read) => checkFields(read, BASICAUTH, this.#problems))
    const hmac = this.#byConsumer('hmacauth_credentials', (read) => checkFields(read, HMACAUTH, this.#problems))
    const jwt = this.#byConsumer('jwt_secrets', (read) => checkJwtSecret(read, this.#problems))
    const acls = this.#byConsumer('acls', (read) => checkFields(read, ACL, this.#problems))
    return (consumer) => ({
      keyAuth: (keys.get(consumer) ?? []).map(({ read, fields }) => this.#entity(read, { key: fields.key ?? '' })),
      basicAuth: (basic.get(consumer) ?? []).map(({ read, fields }) => this.#entity(read, fields)),
      hmacAuth: (hmac.get(consumer) ?? []).map(({ read, fields }) =>
        this.#entity(read, { username: fields.username, secret: fields.secret ?? '' }),
      ),
      jwt: (jwt.get(consumer) ?? []).map(({ read, fields }) =>
        this.#entity(read, {
          key: fields.key ?? '',
          secret: fields.secret ?? null,
          algorithm: fields.algorithm,
          rsaPublicKey: fields.rsa_public_key ?? null,
        }),
      ),
      acls: (acls.get(consumer) ?? []).map(({ read, fields }) => this.#entity(read, fields)),
    })
  }

  #byConsumer<Fields>(
    kind: 'keyauth_credentials' | 'basicauth_credentials' | 'hmacauth_credentials' | 'jwt_secrets' | 'acls',
    check: (read: ReadEntity) => Fields | null,
  ): Map<ReadEntity, { readonly read: ReadEntity; readonly fields: Fields }[]> {
    const found = new Map<ReadEntity, { readonly read: ReadEntity; readonly fields: Fields }[]>()
    for (const read of this.#read[kind]) {
      const fields = check(read)
      const consumer = read.references.get('consumer')
      if (fields === null || consumer === undefined) continue
      addTo(found, consumer, { read, fields })
    }
    return found
  }

  /** Those that are enabled, wherever they stand, and whose places are there. */
  #plugins(): PluginEntity[] {
    const taken = new Set<string>()
    return this.#read.plugins.flatMap((read) => {
      const { references, node } = read
      const fields = checkFields(read, PLUGIN, this.#problems)
      if (fields === null || !fields.enabled) return []
      const [service, route, consumer] = [
        placeOf(references, 'service', this.#services),
        placeOf(references, 'route', this.#routes),
        placeOf(references, 'consumer', this.#consumers),
      ]
      if (service === undefined || route === undefined || consumer === undefined) return []
      const place = [fields.name, service?.id, route?.id, consumer?.id].join(' ')
      if (taken.has(place)) {
        const message = `another plugin \`${fields.name}\` is for the same route, service and consumer: there is one for each place`
        this.#problems.push({ severity: 'error', location: locate(node, ['name']), message })
      }
      taken.add(place)
      if (fields.ordering !== undefined) {
        this.#notes.unsupported(
          read.label,
          'ordering',
          locate(node, ['ordering']),
          'plugins keep the order of their priorities; it is of Kong Enterprise',
        )
      }
      return [
        {
          ...this.#entity(read, {
            name: fields.name,
            instanceName: fields.instance_name ?? null,
            enabled: true,
            config: fields.config ?? {},
            protocols: fields.protocols ?? HTTP_FAMILY,
            tags: fields.tags,
          }),
          scope: { service, route, consumer },
        },
      ]
    })
  }
}

/** Null where it is for any; undefined where what it is for has been left out. */
function placeOf<Place>(
  references: ReadEntity['references'],
  field: string,
  places: ReadonlyMap<ReadEntity, Place>,
): Place | null | undefined {
  const read = references.get(field)
  return read === undefined ? null : places.get(read)
}
