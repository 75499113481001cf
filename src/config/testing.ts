/** Policies and files for the tests of configuration. */
import type { PolicyDefinition } from '../core/policy.ts'
import { byteSize, headerNameText, integer, object, secret, text, type z } from '../core/schema.ts'
import { type LoadOptions, loadConfig } from './load.ts'

function policy(kind: string, schema: z.ZodType): PolicyDefinition<unknown> {
  return { kind, summary: `The ${kind} policy.`, loadSchema: () => Promise.resolve(schema), compile: () => ({}) }
}

/** One policy of each form that a schema can have. */
export const TEST_POLICIES: readonly PolicyDefinition<unknown>[] = [
  policy('request-id', object({ header: headerNameText().default('X-Request-ID') })),
  policy('forwarded-headers', object({})),
  policy('redirect', object({ to: text(), status: integer({ min: 300, max: 399 }).default(302) })),
  policy('signing', object({ key: secret(), apiKey: text().optional() })),
  policy(
    'request-size',
    object({ max: byteSize() }).transform(({ max }, context) => {
      if (max === 7) context.addIssue({ code: 'custom', message: 'expected anything but seven', path: ['max'] })
      return { bytesMax: max }
    }),
  ),
]

/** Loads texts by file name, with the policies above and on four CPUs. */
export function loadTexts(
  texts: Readonly<Record<string, string>>,
  options: Partial<LoadOptions> & { readonly only?: readonly string[] } = {},
) {
  return loadConfig(options.only ?? Object.keys(texts), {
    policies: TEST_POLICIES,
    env: {},
    availableCpus: 4,
    readFile: (path) => {
      const found = texts[path] ?? Object.entries(texts).find(([name]) => path.endsWith(`/${name}`))?.[1]
      return found === undefined ? Promise.reject(Object.assign(new Error('no file'), { code: 'ENOENT' })) : Promise.resolve(found)
    },
    ...options,
  })
}

/** The problems of a text, as `line:column severity message`. */
export async function problemsIn(yaml: string, options: Partial<LoadOptions> = {}): Promise<string[]> {
  const loaded = await loadTexts({ 'gateway.yaml': yaml }, options)
  const problems = 'ir' in loaded ? loaded.warnings : loaded.problems
  return problems.map(({ location, severity, message }) => `${location.line}:${location.column} ${severity} ${message}`)
}
