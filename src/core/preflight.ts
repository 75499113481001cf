import type { Headers } from './headers.ts'

/** Fetch, 3.3.2: whether a browser asks if it may send a request that a page could not make without scripts. */
export function isPreflight({ method, headers }: { readonly method: string; readonly headers: Headers }): boolean {
  return method === 'OPTIONS' && headers.has('Origin') && headers.has('Access-Control-Request-Method')
}
