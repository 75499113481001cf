import { object, type z } from '../../core/schema.ts'

export const schema = object({})

export type GrpcWebOptions = z.output<typeof schema>
