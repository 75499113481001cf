import type { OptionFiles, PolicyDefinition } from '../../core/policy.ts'
import type { RequestValidationOptions } from './options.ts'

/** What takes ajv, loaded by those who need it: `steps` where requests are checked, `checks` where configuration is. */
let steps: typeof import('./steps.ts') | null = null
let checks: typeof import('./check.ts') | null = null

export const requestValidation: PolicyDefinition<RequestValidationOptions> = {
  kind: 'request-validation',
  summary: 'Refuses requests that do not fit JSON Schemas or an OpenAPI file.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  async load() {
    steps ??= await import('./steps.ts')
  },
  async resolve(options, files) {
    checks ??= await import('./check.ts')
    return options.openapi === undefined ? options : { ...options, api: await readApi(options.openapi, options.pathPrefix, files) }
  },
  review(options) {
    if (checks === null) throw new Error('options are resolved before they are reviewed')
    return checks.remarksOn(options)
  },
  compile(options) {
    if (steps === null) throw new Error('the steps are loaded before policies are compiled')
    return steps.requestValidationSteps(options)
  },
}

async function readApi(file: string, pathPrefix: string | undefined, files: OptionFiles) {
  const text = await files.read(file)
  const { readOpenApi } = await import('./openapi.ts')
  return readOpenApi(file, text, pathPrefix)
}
