/**
 * What an answer of the gateway must look like before the page believes it. The page may be older than the gateway that answers, when that was
 * upgraded under an open tab: what does not fit is told as that, and not drawn as nonsense.
 */

/** Whether a value is a `T`. */
export type Shape<T> = (value: unknown) => value is T

/** The type of what a shape lets pass. */
export type Shaped<S> = S extends Shape<infer T> ? T : never

export const text: Shape<string> = (value): value is string => typeof value === 'string'
export const number: Shape<number> = (value): value is number => typeof value === 'number'
export const flag: Shape<boolean> = (value): value is boolean => typeof value === 'boolean'
export const anything: Shape<unknown> = (_value): _value is unknown => true

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value): value is T | null => value === null || shape(value)
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Shape<T> {
  return (value): value is T => allowed.some((one) => one === value)
}

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every((one) => item(one))
}

/** Any names, each with a value of one shape. */
export function dictionary<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value): value is Readonly<Record<string, T>> => isObject(value) && Object.values(value).every((one) => shape(one))
}

/** Fields besides these are let pass: a newer gateway may tell more. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  return (value): value is T => {
    if (!isObject(value)) return false
    for (const name in fields) if (!fields[name](value[name])) return false
    return true
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
