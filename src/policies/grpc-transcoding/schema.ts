import { GRPC_STATUSES } from '../../core/grpc-status.ts'
import { normalisePath } from '../../core/path.ts'
import { byteSize, duration, list, object, oneOf, oneOrMore, record, text, z } from '../../core/schema.ts'

const file = () => text({ max: 4_096 })

const address = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253}):\d{1,5}$/, { error: 'expected a host and a port: `shop.internal:50051`' })

const reflection = object({
  address: address.describe('Host and port that are asked: one of the targets, or whatever else knows the same services.'),
  tls: z
    .union([
      z.boolean(),
      object({
        ca: text({ max: 1_048_576 }).optional().describe('The CAs that its certificate may come from: a file in PEM, or PEM text.'),
        serverName: text({ max: 253 }).optional().describe("The name that its certificate must hold. Default: the address's host."),
      }),
    ])
    .default(false)
    .describe('Whether it is asked by TLS.'),
  refresh: duration({ min: 1_000 })
    .prefault('5m')
    .describe('How often it is asked again. A call that the service does not know has it asked at once, too.'),
  timeout: duration({ min: 100, max: 60_000 }).prefault('10s').describe('Longest time for all its answers together.'),
})

const print = object({
  defaults: z.boolean().default(false).describe('Whether fields with their default value are written, too.'),
  enumsAsNumbers: z.boolean().default(false).describe('Whether values of enums are written as numbers.'),
  protoNames: z.boolean().default(false).describe('Whether fields have their names of the .proto file, not those of JSON.'),
})

const grpcFailure = z.string().refine((written) => GRPC_STATUSES.some((name, code) => code > 0 && name === written), {
  error: 'expected a gRPC status that is a failure, such as `UNIMPLEMENTED`',
})

export const schema = object({
  descriptors: oneOrMore(file(), { max: 100 })
    .optional()
    .describe('Files with descriptors, as `protoc --include_imports --descriptor_set_out` and `buf build` write them.'),
  proto: oneOrMore(file(), { max: 1_000 }).optional().describe('.proto files.'),
  importPaths: list(file(), { max: 100 })
    .optional()
    .describe('Folders in which files that .proto files import are looked for. Default: those of the files.'),
  reflection: reflection.optional().describe('Asks a service what it offers (gRPC server reflection, v1 or v1alpha).'),
  services: list(text({ max: 1_024 }), { min: 1 })
    .optional()
    .describe('Full names of the services that are offered, such as `shop.v1.Shop`. Default: all.'),
  basePath: text({ max: 2_048 })
    .refine((path) => path.startsWith('/') && path !== '/' && normalisePath(path) === path && !path.endsWith('/'), {
      error: 'expected the beginning of a path without a slash at its end: `/api`',
    })
    .optional()
    .describe('What stands in front of all paths of the API.'),
  autoMapping: z
    .boolean()
    .default(false)
    .describe('Whether methods without `google.api.http` are offered as `POST /package.Service/Method`, with the request as the body.'),
  ignoreUnknownParameters: z.boolean().default(false).describe('Whether parameters that are no field pass, instead of 400.'),
  ignoreUnknownFields: z.boolean().default(false).describe('Whether members of a body that are no field pass, instead of 400.'),
  ignoreContentType: z.boolean().default(false).describe('Whether a body is read as JSON whatever its Content-Type says, instead of 415.'),
  streams: oneOf(['negotiated', 'concatenated'])
    .default('negotiated')
    .describe(
      'How a stream of responses is written: as lines or events, as `Accept` asks for it, or as JSON texts one behind the other (`application/json`).',
    ),
  statuses: record(grpcFailure, z.int().min(400).max(599), { max: 16 })
    .default({})
    .describe('HTTP statuses by gRPC status, `UNIMPLEMENTED: 500` say, where they are not those of google.rpc.Code.'),
  messageBytesMax: byteSize({ min: 1, max: 2 ** 30 })
    .prefault('4MiB')
    .describe('Largest message, in either direction and without its compression, and largest body with one.'),
  print: print.prefault({}).describe('How messages are written as JSON.'),
}).superRefine(({ descriptors, proto, reflection: asked, importPaths }, context) => {
  const sources = [descriptors, proto, asked].filter((source) => source !== undefined).length
  if (sources !== 1) context.addIssue({ code: 'custom', message: 'expected one of `descriptors`, `proto` and `reflection`' })
  if (importPaths !== undefined && proto === undefined) {
    context.addIssue({ code: 'custom', path: ['importPaths'], message: '`importPaths` goes with `proto` only' })
  }
})

export type WrittenOptions = z.output<typeof schema>
