/** What one routing decision costs, with few routes and with many. Run: `node bench/micro/router.ts`. */
import { compileRouter, type RouteQuery, type RouterEntry } from '../../src/compile/router.ts'
import { entry, request } from '../../src/compile/testing.ts'
import { normalisePath } from '../../src/core/path.ts'

const TURNS = 500_000
const ROUNDS = 7

function routes(count: number): RouterEntry<string>[] {
  return Array.from({ length: count }, (_, i) => {
    const kind = i % 3
    const path = kind === 0 ? `/api/v1/exact-${i}` : kind === 1 ? `/api/v1/prefix-${i}/*` : `/api/v1/capture-${i}/:id/items/:item`
    return entry(`r${i}`, { paths: [path], methods: ['GET', 'POST'] })
  })
}

/** Requests as the gateway would make them: strings of their own, not the ones in the router's maps. */
function requests(kind: 'exact' | 'prefix' | 'capture' | 'none', count: number): RouteQuery[] {
  const first = { exact: 0, prefix: 1, capture: 2, none: 0 }[kind]
  const tail = { exact: '', prefix: '/7/orders', capture: '/7/items/9', none: 'x' }[kind]
  const name = kind === 'none' ? 'exact' : kind
  // The same eight requests over and over, whatever the number of routes: the cost of the router, not of cold memory.
  return Array.from({ length: 8 }, (_, i) => {
    const id = first + 3 * Math.floor((i * (count / 3 - 1)) / 8)
    return request(Buffer.from(`GET example.com /api/v1/${name}-${id}${tail}`).toString('latin1'))
  })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function nanoseconds(run: (i: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < TURNS; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / TURNS)
  }
  return best
}

for (const count of [12, 9_999]) {
  const start = performance.now()
  const router = compileRouter(routes(count))
  print(`${count} routes, compiled in ${(performance.now() - start).toFixed(0)} ms`)
  for (const kind of ['exact', 'prefix', 'capture', 'none'] as const) {
    const queries = requests(kind, count)
    let found = 0
    const cost = nanoseconds((i) => {
      if (router.match(queries[i & 7] as RouteQuery).kind === 'found') found++
    })
    print(`  ${kind.padEnd(8)} ${cost.toFixed(0).padStart(4)} ns  ${found > 0 ? 'found' : 'not found'}`)
  }
}
const paths = ['/api/v1/users/7', '/a/./b/../c%2f%41'].map((path) => Buffer.from(path).toString('latin1'))
for (const path of paths) print(`normalisePath ${path}: ${nanoseconds(() => normalisePath(path)).toFixed(0)} ns`)
