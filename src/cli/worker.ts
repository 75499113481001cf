/** The program of a worker process: the data plane with all that it needs. Started by `turnpike start`, never by hand. */
import { systemClock } from '../core/clock.ts'
import { POLICIES } from '../policies/index.ts'
import { Gateway } from '../runtime/gateway.ts'
import { httpClient } from '../runtime/http-client.ts'
import { Invalidations } from '../runtime/invalidations.ts'
import { createStores } from '../stores/index.ts'
import { serveWorker } from './serve-worker.ts'

serveWorker(({ tell, ...parts }) => {
  const invalidations = new Invalidations((purges) => tell({ kind: 'invalidated', purges }))
  return new Gateway({
    ...parts,
    clock: systemClock,
    policies: POLICIES,
    http: httpClient,
    onTapped: (exchanges, lost) => tell({ kind: 'tapped', exchanges, lost }),
    onUnreachable: (service) => tell({ kind: 'unreachable', service }),
    createStores: ({ stores, workers }, resources, shared) =>
      createStores(stores, {
        ...parts,
        clock: systemClock,
        resources,
        workers,
        shared,
        ...(workers > 1 && { onInvalidated: (purge) => invalidations.add(purge) }),
      }),
  })
})
