/** The members of parsed JSON, to be looked at one by one; none when it is no object. */
export function membersOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null ? { ...json } : {}
}

/** An object of a JSON document while it is made or edited. Any text may be a name of its members, `__proto__` too. */
export type JsonObject = Record<string, unknown>

/** Gives an object a member. */
export function put(holder: JsonObject, name: string, value: unknown): void {
  // Assigned, it would become the prototype.
  if (name === '__proto__') Object.defineProperty(holder, name, { value, writable: true, enumerable: true, configurable: true })
  else holder[name] = value
}
