/** What the native form says of registries, and of the services that are found in them. */
import { duration, integer, list, object, oneOf, secret, text, z } from '../core/schema.ts'
import { storeAddressProblem } from './addresses.ts'

const DNS_NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/
const K8S_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

const urlText = () =>
  z.string().regex(/^https?:\/\/([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/?$/, {
    error: 'expected `http://host:port` or `https://host:port`',
  })

const tls = object({
  ca: text({ max: 1_048_576 }).optional().describe('PEM of the authorities to trust, usually read from a file. Default: those of Node.'),
  cert: text({ max: 1_048_576 }).optional().describe('PEM of a client certificate.'),
  key: secret().optional().describe("PEM of the client certificate's key."),
  serverName: text({ max: 253 }).optional().describe('Name that the certificate must have. Default: the host of the address.'),
}).refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: 'expected `cert` and `key` together' })

const consulRegistry = object({
  url: urlText().default('http://127.0.0.1:8500').describe('Where the agent answers.'),
  token: secret().optional().describe('ACL token; it needs `service:read` and `node:read`.'),
  datacenter: text({ max: 128 }).optional().describe("Default: the agent's own."),
  tls: tls.prefault({}).describe('For `https`.'),
  wait: duration({ min: 1_000, max: 600_000 }).prefault('5m').describe('How long a blocking query waits for a change.'),
})

const kubernetesRegistry = object({
  kubeconfig: text({ max: 4_096 })
    .optional()
    .describe('File to take server and credentials from. Default: the service account of the pod.'),
  context: text({ max: 256 }).optional().describe('Context of the kubeconfig. Default: its current one.'),
})

const dnsRegistry = object({
  servers: list(
    text({ max: 300 }).superRefine((value, context) => {
      const message = storeAddressProblem(/:\d+$/.test(value) ? value : `${value}:53`)
      if (message !== null) context.addIssue({ code: 'custom', message })
    }),
    { max: 10 },
  )
    .default([])
    .describe('`host:port` of the servers to ask. Default: those of the system.'),
})

export const registries = object({
  consul: consulRegistry.prefault({}).describe('The Consul that services are found in.'),
  kubernetes: kubernetesRegistry.prefault({}).describe('The Kubernetes that services are found in.'),
  dns: dnsRegistry.prefault({}).describe('The DNS servers that names are looked up at.'),
})

const consul = object({
  service: text({ max: 256 }).describe('Name of the service.'),
  tags: list(text({ max: 256 }), { max: 20 })
    .default([])
    .describe('Tags that an instance must have, all of them.'),
  datacenter: text({ max: 128 }).optional().describe("Default: the registry's."),
})

const label = (what: string) => z.string().regex(K8S_LABEL, { error: `expected ${what}: lower-case letters, digits and \`-\`` })

const kubernetes = object({
  service: label('the name of a service').describe('Name of the service.'),
  namespace: label('a namespace').default('default').describe('Its namespace.'),
  port: z
    .union([integer({ min: 1, max: 65_535 }), label('the name of a port')])
    .optional()
    .describe('Name or number of the port. Default: the only one.'),
})

const dns = object({
  name: z.string().regex(DNS_NAME, { error: 'expected a DNS name' }).describe('The name to look up.'),
  port: integer({ min: 1, max: 65_535 }).optional().describe('Port of all targets; not for `SRV`, which tells it.'),
  record: oneOf(['A', 'AAAA', 'ip', 'SRV']).default('ip').describe('`ip` is A and AAAA.'),
}).superRefine(({ port, record: kind }, context) => {
  if (kind === 'SRV' && port !== undefined)
    context.addIssue({ code: 'custom', path: ['port'], message: 'expected no port: SRV records tell it' })
  if (kind !== 'SRV' && port === undefined) context.addIssue({ code: 'custom', message: 'expected `port`, or `record: SRV`' })
})

/** `service.namespace.svc.cluster.local:port`. */
const CLUSTER_NAME = /^([a-z0-9-]{1,63})\.([a-z0-9-]{1,63})\.svc(?:\.[a-z0-9.-]+)?(?::([a-z0-9-]{1,63}))?$/

/** `name:port`, or `_service._proto.name` for SRV. */
const DNS_SHORT = /^([A-Za-z0-9_.-]+?)(?::(\d{1,5}))?$/

export const discovery = object({
  consul: z
    .union([text({ max: 256 }).transform((service) => ({ service, tags: [], datacenter: undefined })), consul])
    .optional()
    .describe('Instances of a Consul service whose checks pass: its name, or `{ service, tags, datacenter }`.'),
  kubernetes: z
    .union([
      z
        .string()
        .regex(CLUSTER_NAME, { error: 'expected `service.namespace.svc.cluster.local` with an optional `:port`' })
        .transform((written, context) => {
          const [, service = '', namespace = '', port] = CLUSTER_NAME.exec(written) ?? []
          // A name of a port has a letter in it.
          if (port !== undefined && /^\d+$/.test(port) && (Number(port) < 1 || Number(port) > 65_535))
            context.addIssue({ code: 'custom', message: 'expected a port from 1 to 65535, or the name of one' })
          return { service, namespace, port: port === undefined ? undefined : /^\d+$/.test(port) ? Number(port) : port }
        }),
      kubernetes,
    ])
    .optional()
    .describe('Ready endpoints of a Kubernetes service: `service.namespace.svc.cluster.local`, or `{ service, namespace, port }`.'),
  dns: z
    .union([
      z
        .string()
        .regex(DNS_SHORT, { error: 'expected `name:port`, or a name that begins with `_` for SRV records' })
        .transform((written, context) => {
          const [, name = '', port] = DNS_SHORT.exec(written) ?? []
          const isSrv = name.startsWith('_')
          if (!DNS_NAME.test(name)) context.addIssue({ code: 'custom', message: 'expected a DNS name' })
          else if ((port === undefined) !== isSrv || Number(port ?? 1) > 65_535 || Number(port ?? 1) < 1)
            context.addIssue({ code: 'custom', message: 'expected `name:port`, or a name that begins with `_` for SRV records' })
          return { name, port: port === undefined ? undefined : Number(port), record: isSrv ? ('SRV' as const) : ('ip' as const) }
        }),
      dns,
    ])
    .optional()
    .describe('Addresses of a name: `name:port`, `_service._proto.name` for SRV, or `{ name, port, record }`.'),
}).refine((kinds) => Object.values(kinds).filter((kind) => kind !== undefined).length === 1, {
  error: 'expected exactly one of `consul`, `kubernetes` and `dns`',
})
