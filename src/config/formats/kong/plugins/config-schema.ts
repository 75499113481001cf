/** Words that the schemas of plugins share. */
import { list, object, z } from '../../../../core/schema.ts'

/** Any text but the empty one. */
export function filled() {
  return z.string().min(1, { error: 'length must be at least 1' }).max(8_192)
}

export function headerName() {
  return filled().regex(/^[A-Za-z0-9_-]+$/, { error: 'bad header name, allowed characters are A-Z, a-z, 0-9, "_", and "-"' })
}

export function texts() {
  return list(filled(), { max: 1_000 })
}

export function port() {
  return z.int().min(0).max(65_535)
}

/** Milliseconds. */
export function timeout() {
  return z
    .int()
    .min(0)
    .max(2 ** 31 - 2)
}

/** How entries wait to be sent, since 3.3. */
export function queue(batch: number) {
  return object({
    max_batch_size: z.int().min(1).max(1_000_000).default(batch),
    max_coalescing_delay: z.number().min(0).max(3_600).default(1),
    max_entries: z.int().min(1).max(1_000_000).default(10_000),
    max_bytes: z.int().optional(),
    max_retry_time: z.number().default(60),
    initial_retry_delay: z.number().min(0.001).max(1_000_000).default(0.01),
    max_retry_delay: z.number().min(0.001).max(1_000_000).default(60),
    concurrency_limit: z.literal([-1, 1], { error: 'expected one of: -1, 1' }).default(1),
  }).prefault({})
}
