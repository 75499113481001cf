import { byteSize, list, object, oneOf, record, text, z } from '../../core/schema.ts'
import { MEDIA_RANGE } from './media-types.ts'

/** JSON Schema 2020-12 as it is written. What it says is looked at by the policy's `review`: that needs ajv. */
function jsonSchema() {
  return z.union([z.boolean(), record(z.string(), z.unknown())], {
    error: 'expected a schema: a map of keywords such as `type` and `properties`',
  })
}

const INLINE = ['body', 'query', 'headers', 'params', 'contentTypes', 'required'] as const

export const schema = object({
  body: jsonSchema().optional().describe('JSON Schema 2020-12 of the body.'),
  query: jsonSchema()
    .optional()
    .describe(
      'JSON Schema of the query as an object. Values are turned into the types that the schema names; an array is a parameter that repeats.',
    ),
  headers: jsonSchema()
    .optional()
    .describe('JSON Schema of the headers as an object, of which it sees those that it names, in whatever case.'),
  params: jsonSchema().optional().describe("JSON Schema of the captures of the route's path as an object."),
  contentTypes: list(z.string().regex(MEDIA_RANGE, { error: 'expected a media type: `application/json`, `application/*+json`' }), {
    min: 1,
    max: 100,
  })
    .optional()
    .describe('Media types of the body; any other is 415. Default: `application/json` and `application/*+json`.'),
  required: z.boolean().optional().describe('Whether there must be a body. Default: where there is a `body` schema.'),
  openapi: text({ max: 4_096 })
    .optional()
    .describe('An OpenAPI 3.0 or 3.1 file, YAML or JSON, found from the folder of the configuration; instead of schemas written here.'),
  pathPrefix: z
    .string()
    .regex(/^(\/[^/?#]+)*$/, { error: 'expected the beginning of a path without a slash at its end: `/api/v1`' })
    .max(2_048)
    .optional()
    .describe("What stands in front of the file's paths in requests. Default: the path of the file's first server."),
  unknownOperation: oneOf(['refuse', 'pass'])
    .default('refuse')
    .describe('What becomes of requests that the file does not describe: 400, or unchecked.'),
  additionalQuery: oneOf(['pass', 'refuse']).default('pass').describe('What becomes of query parameters that the file does not describe.'),
  bodyMax: byteSize({ min: 1 }).prefault('1MiB').describe('Largest body that is checked; more is 413.'),
  report: oneOf(['violations', 'none']).default('violations').describe('Whether the client is told what does not fit.'),
}).superRefine((options, context) => {
  const inline = INLINE.filter((key) => options[key] !== undefined)
  if (options.openapi !== undefined) {
    for (const key of inline) {
      context.addIssue({
        code: 'custom',
        path: [key],
        message: `\`${key}\` does not go with \`openapi\`, which says it for each operation`,
      })
    }
  } else if (options.body === undefined && options.query === undefined && options.headers === undefined && options.params === undefined) {
    context.addIssue({ code: 'custom', message: 'expected `openapi`, or any of `body`, `query`, `headers` and `params`' })
  } else if (options.pathPrefix !== undefined) {
    context.addIssue({ code: 'custom', path: ['pathPrefix'], message: '`pathPrefix` goes with `openapi` only' })
  }
})

export type WrittenOptions = z.output<typeof schema>
