/**
 * A service's path with what is left of a request's behind it, with one slash between. Where nothing is left, the slash at the end is as the request's
 * path has it, so that a service which tells `/a` from `/a/` sees what its client meant; at the root itself it is as the operator wrote it.
 *
 * @param base `/api`, `/api/` or `/`. @param left what is left, which may begin in the middle of a segment. @param asked the request's whole path
 */
export function joinPaths(base: string, left: string, asked: string): string {
  const trimmed = base.endsWith('/') ? base.slice(0, -1) : base
  if (asked === '/' && (left === '' || left === '/')) return base
  if (left !== '') return left.startsWith('/') ? trimmed + left : `${trimmed}/${left}`
  return asked.endsWith('/') || trimmed === '' ? `${trimmed}/` : trimmed
}
