import { grpcRemarks } from '../../core/grpc-remarks.ts'
import type { PolicyDefinition, PolicySteps } from '../../core/policy.ts'
import type { GrpcTranscodingOptions } from './options.ts'

/** What takes the library for Protocol Buffers, loaded by those who need it: `steps` in workers, `files` where configuration is read. */
let steps: typeof import('./steps.ts') | null = null
let files: typeof import('./resolve.ts') | null = null

/** @see https://github.com/googleapis/googleapis/blob/master/google/api/http.proto */
export const grpcTranscoding: PolicyDefinition<GrpcTranscodingOptions> = {
  kind: 'grpc-transcoding',
  summary: 'Offers gRPC services as REST, as `google.api.http` options describe it.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  translates: true,
  async load() {
    steps ??= await import('./steps.ts')
  },
  async resolve(options, optionFiles) {
    files ??= await import('./resolve.ts')
    return files.resolveOptions(options, optionFiles)
  },
  review(options, around) {
    if (files === null) throw new Error('options are resolved before they are reviewed')
    return [...files.remarksOn(options), ...grpcRemarks(around)]
  },
  async describeApi(options) {
    const { describe } = await import('./openapi.ts')
    return describe(options)
  },
  compile(options, context): PolicySteps {
    if (steps === null) throw new Error('the steps are loaded before policies are compiled')
    return steps.compileSteps(options, context)
  },
}
