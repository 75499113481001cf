/** Whatever an API does, and in whatever order: in the end what is told is what is so. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { certificatesMissing } from '../services/certificates.ts'
import type { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { ownBench, sliceOf } from './kubernetes-bench.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 60_000 }
const STEPS = 80
const SEEDS = [1, 2, 3, 4, 5, 6]

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `host:port` of what is ready, as a reader of the objects would say it. */
function truthOf({ store }: KubernetesApiServer): readonly string[] {
  const slices = store.list('endpointslices', ({ metadata }) => metadata.namespace === 'shop')
  const ready = slices.flatMap(({ endpoints }) =>
    (endpoints as readonly { addresses: readonly string[]; conditions: { ready: boolean } }[])
      .filter(({ conditions }) => conditions.ready)
      .map(({ addresses }) => `${addresses[0]}:8080`),
  )
  return [...new Set(ready)].sort()
}

/** Does one thing, mostly a change of endpoints. */
async function step(server: KubernetesApiServer, random: () => number): Promise<void> {
  const pick = (count: number): number => Math.floor(random() * count)
  const name = `api-${pick(4)}`
  const what = random()
  if (what < 0.45) {
    const addresses = Array.from({ length: pick(4) }, () => `10.0.0.${pick(8)}`)
    server.store.put('endpointslices', 'shop', sliceOf(name, addresses, undefined, random() < 0.7))
  } else if (what < 0.55) server.store.remove('endpointslices', 'shop', name)
  else if (what < 0.6) server.bookmark()
  else if (what < 0.65) server.store.compact()
  else if (what < 0.7) server.endWatches()
  else if (what < 0.75) server.failWatches(410, 'Expired', 'too old resource version')
  else if (what < 0.8) server.failWatches(500, 'InternalError', 'etcdserver: request timed out')
  else if (what < 0.83) server.silenceWatches()
  else if (what < 0.86) server.writeToWatches('{"type":"MODI')
  else if (what < 0.9) server.goneBy = server.goneBy === 'event' ? 'status' : 'event'
  else if (what < 0.93) server.trouble = () => (random() < 0.5 ? ([500, 503, 429, 410][pick(4)] ?? null) : null)
  else if (what < 0.97) server.trouble = null
  else {
    await server.stop()
    if (random() < 0.3) server.store.replace()
    await server.start()
  }
}

async function chaos(t: TestContext, seed: number): Promise<void> {
  const random = chance(seed)
  const { server, told } = await ownBench(t, { doubtMs: 0, timings: { silenceMs: 300 } })
  const bookmarks = setInterval(() => server.bookmark(), 50)
  t.after(() => clearInterval(bookmarks))
  for (let i = 0; i < STEPS; i++) {
    await step(server, random)
    if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 20))
  }
  server.trouble = null
  const truth = truthOf(server)
  await told.untilTargets(...truth)
  await told.until(() => told.degraded === null)
  // It stays so.
  server.store.put('endpointslices', 'shop', sliceOf('last', ['10.0.9.9']))
  await told.untilTargets(...truthOf(server))
  assert.equal(told.targets?.at(-1), '10.0.9.9:8080')
}

for (const seed of SEEDS) test(`chaos ${seed} ends in what is so`, OPTIONS, (t) => chaos(t, seed))
