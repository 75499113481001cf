/** A record that is still to be written. */
export type JsonObject = Record<string, unknown>

/** Gives members of a record their value; null takes one out. Members on the way that are not there are made. */
export function settersOf(set: Readonly<Record<string, string | number | boolean | null>>): readonly ((record: JsonObject) => void)[] {
  return Object.entries(set).map(([path, value]) => {
    const parts = path.split('.')
    const last = parts.pop() ?? ''
    return (record) => {
      let at = record
      for (const part of parts) {
        const next: unknown = Object.hasOwn(at, part) ? at[part] : undefined
        if (isObject(next)) at = next
        else if (value === null) return
        else {
          const made: JsonObject = {}
          define(at, part, made)
          at = made
        }
      }
      if (value === null) delete at[last]
      else define(at, last, value)
    }
  })
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** By definition and not by assignment: a member may be called `__proto__`. */
function define(target: JsonObject, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}
