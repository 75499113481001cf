/** The program of a worker process: the data plane with all that it needs. Started by `turnpike start`, never by hand. */
import { systemClock } from '../core/clock.ts'
import { POLICIES } from '../policies/index.ts'
import { Gateway } from '../runtime/gateway.ts'
import { httpClient } from '../runtime/http-client.ts'
import { createStores } from '../stores/index.ts'
import { serveWorker } from './serve-worker.ts'

serveWorker(
  (parts) =>
    new Gateway({
      ...parts,
      clock: systemClock,
      policies: POLICIES,
      http: httpClient,
      createStores: ({ stores, workers }, resources, shared) =>
        createStores(stores, { ...parts, clock: systemClock, resources, workers, shared }),
    }),
)
