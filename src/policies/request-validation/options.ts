import type { Api } from './api.ts'
import type { WrittenOptions } from './schema.ts'

/** Options as they are written, and what is in the file that they name. */
export type RequestValidationOptions = WrittenOptions & { readonly api?: Api }
