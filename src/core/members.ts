/** The members of parsed JSON, to be looked at one by one; none when it is no object. */
export function membersOf(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null ? { ...json } : {}
}
