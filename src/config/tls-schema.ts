/** What the native form says of TLS: listeners with certificates, and services that are asked by TLS. */
import { list, object, oneOf, secret, text, z } from '../core/schema.ts'

const VERSIONS = ['1.2', '1.3'] as const

/** PEM text, as `${file:…}` and `${env:…}` give it, or the name of a file. Certificates and keys are text, never DER. */
const pem = (what: string) =>
  text({ max: 1_048_576 }).describe(`${what}: a file in PEM, from the configuration's own folder on, or PEM text.`)

/** A private key. Its text is a secret, the name of its file is not. */
const pemKey = (what: string) =>
  secret().describe(`${what}: a file in PEM, from the configuration's own folder on, or PEM text by \`\${env:…}\` or \`\${file:…}\`.`)

const ciphers = z
  .string()
  .regex(/^[A-Z0-9a-z_:+!@=-]{1,2048}$/, { error: 'expected names of ciphers as OpenSSL writes them, with `:` between them' })

const hostName = z
  .string()
  .regex(/^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/, { error: 'expected a host such as `example.com` or `*.example.com`' })

/** One host: a certificate may be for a star, nobody can be asked for one. */
const serverName = hostName.refine((name) => !name.startsWith('*'), { error: 'expected a host such as `example.com`' })

/** A listener's TLS. */
export const listenerTls = object({
  certificates: list(
    object({
      cert: pem('The certificate, with its chain behind it'),
      key: pemKey('Its private key'),
      passphrase: secret().optional().describe('What the private key is encrypted with.'),
      hosts: list(hostName, { min: 1, max: 1_000 })
        .optional()
        .describe('Hosts it is shown for (SNI); `*.example.com` takes one label. Default: those in the certificate.'),
    }),
    { min: 1, max: 1_000 },
  ).describe('What is shown to clients: the first whose hosts fit what the client asks for, or the first of all.'),
  minVersion: oneOf(VERSIONS).default('1.2').describe('Oldest version of TLS that is spoken.'),
  ciphers: ciphers
    .optional()
    .describe('Ciphers of TLS 1.2 as OpenSSL names them, the preferred one first. Default: those with forward secrecy and AEAD alone.'),
  clientCertificates: object({
    mode: oneOf(['request', 'require'])
      .default('require')
      .describe('`request`: the client may show one. `require`: requests without a good one are refused (403).'),
    ca: pem('The certificates of the CAs that issue them'),
  })
    .optional()
    .describe('Asks clients for certificates (mutual TLS). Default: they are not asked for.'),
})

/** A service's TLS. */
export const serviceTls = z.union([
  z.boolean(),
  object({
    ca: pem("The CAs that targets' certificates may come from").optional(),
    cert: pem('The certificate to show to targets, with its chain').optional(),
    key: pemKey('Its private key').optional(),
    passphrase: secret().optional().describe('What the private key is encrypted with.'),
    serverName: serverName
      .optional()
      .describe("The name that is asked for (SNI), and that certificates must hold. Default: the target's own."),
    verify: z
      .boolean()
      .default(true)
      .describe('Whether certificates are verified. With `false` anybody on the way can read and change what passes: for trials only.'),
    minVersion: oneOf(VERSIONS).default('1.2').describe('Oldest version of TLS that is spoken.'),
  }).superRefine(({ cert, key }, context) => {
    if ((cert === undefined) !== (key === undefined))
      context.addIssue({ code: 'custom', path: [cert === undefined ? 'key' : 'cert'], message: 'expected `cert` and `key` together' })
  }),
])
