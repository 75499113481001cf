/** Texts that several parts of the native form are made of. */
import { integer, text, z } from '../core/schema.ts'

export const nameText = () =>
  z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, {
    error: 'expected letters, digits, `_`, `-` and `.`, at most 128, beginning with a letter, a digit or `_`',
  })

export const portNumber = (min: 0 | 1) => integer({ min, max: 65_535 })

export const tokenText = (what: string) =>
  z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/, { error: `expected ${what}: a token of at most 64 characters` })

/** Text that a function finds nothing wrong with. What it says begins with `expected` and puts what was found behind `, found`. */
export const checkedText = (max: number, problemOf: (value: string) => string | null) =>
  text({ max }).superRefine((value, context) => {
    const message = problemOf(value)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })

export const methodText = () =>
  tokenText('a method such as `GET`').superRefine((method, context) => {
    if (method !== method.toUpperCase())
      context.addIssue({ code: 'custom', message: `expected a method in upper case, found \`${method}\`` })
  })
