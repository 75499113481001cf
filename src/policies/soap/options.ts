import type { z } from 'zod'
import type { SoapModel } from './model.ts'
import type { schema } from './schema.ts'

/** Options as they are checked, and what has been read of the WSDL. */
export type SoapOptions = z.output<typeof schema> & { readonly model?: SoapModel }
