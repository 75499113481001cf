/** Sets of statuses as they are written: `503`, or `5xx` for a whole class. */
import { z } from '../core/schema.ts'
import { type StatusSet, statusProblem } from '../core/status-set.ts'

/** A list of statuses and classes of them. Gives them as they were written. */
export function statusSet() {
  return z
    .array(
      z.union([z.int(), z.string()]).superRefine((value, context) => {
        const message = statusProblem(value)
        if (message !== null) context.addIssue({ code: 'custom', message })
      }),
    )
    .max(200)
    .transform((statuses): StatusSet => statuses)
}
