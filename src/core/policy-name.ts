/** Of `transform:edge` the kind, `transform`: the name of a policy that stands beside others of its kind. Of a plain kind itself. */
export function policyKind(name: string): string {
  const colon = name.indexOf(':')
  return colon === -1 ? name : name.slice(0, colon)
}
