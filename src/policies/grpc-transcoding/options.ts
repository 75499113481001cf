import type { WrittenOptions } from './schema.ts'

/** Options as workers get them: files read. */
export type GrpcTranscodingOptions = WrittenOptions & {
  /**
   * Descriptors in base64: of the configured files with all that they import, or, where a service is asked for its own, those that need not
   * be asked for.
   */
  readonly descriptorSet?: string
}
