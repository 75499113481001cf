import { parsePathPattern } from '../../core/path-pattern.ts'
import { byteSize, integer, list, object, oneOf, record, secret, text } from '../../core/schema.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** A path of fixed segments and captures. */
function endpointPath() {
  return text({ max: 2_048 }).superRefine((path, context) => {
    const pattern = parsePathPattern(path)
    if ('problem' in pattern) context.addIssue({ code: 'custom', message: pattern.problem })
    else if (pattern.kind !== 'exact' && pattern.kind !== 'segments')
      context.addIssue({ code: 'custom', message: 'expected a path with captures at most: `/prices/:symbol`' })
  })
}

export const schema = object({
  wsdl: text({ max: 4_096 }).describe('The WSDL 1.1 file, found from the folder of the configuration; what it imports lies beside it.'),
  service: text({ max: 256 }).optional().describe('The service of the WSDL. Default: the first with a port that can be used.'),
  port: text({ max: 256 }).optional().describe('The port of that service. Default: its first with a SOAP binding over HTTP.'),
  basePath: text({ max: 2_048 })
    .regex(/^(\/[^/?#*:~]+)+$/, { error: 'expected the beginning of a path without a slash at its end: `/stock/v1`' })
    .optional()
    .describe('What stands in front of the paths of all operations. Default: nothing.'),
  endpointPath: text({ max: 2_048 })
    .regex(/^\/[\x21-\x7e]*$/, { error: 'expected a path: `/services/stock`' })
    .optional()
    .describe("The service's path, with its query if it has one. Default: that of the WSDL's address."),
  operations: record(
    text({ max: 256 }),
    object({
      method: oneOf(METHODS).default('POST').describe('The method of the endpoint.'),
      path: endpointPath().optional().describe('Its path; captures are members of the input. Default: `/` and the name of the operation.'),
    }),
    { max: 1_000 },
  )
    .default({})
    .describe('Endpoints of operations by their names, where they are not `POST /OperationName`.'),
  expose: list(text({ max: 256 }), { min: 1, max: 1_000 })
    .optional()
    .describe('The operations that are offered. Default: all of the port.'),
  faults: record(text({ max: 256 }), integer({ min: 400, max: 599 }), { max: 1_000 })
    .default({})
    .describe('Statuses by the name of a fault that the WSDL declares, or of its element.'),
  usernameToken: object({
    username: text({ max: 256 }).describe('The name of the gateway at the service.'),
    password: secret().describe('Its password.'),
    type: oneOf(['text', 'digest'])
      .default('text')
      .describe('How the password is shown: as it is, or in a digest with a nonce and the time.'),
  })
    .optional()
    .describe('WS-Security UsernameToken that every call carries. Default: none.'),
  bodyBytesMax: byteSize({ min: 1, max: 64 * 2 ** 20 })
    .prefault('1MiB')
    .describe('Largest body of a request and of a response; more is 413 and 502.'),
})
