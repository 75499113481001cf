/** The program of a worker process: the data plane with all that it needs. Started by `turnpike start`, never by hand. */
import { systemClock } from '../core/clock.ts'
import { POLICIES } from '../policies/index.ts'
// @ts-expect-error the gateway is still being written: take this line and the next comment out when it is there
import { Gateway } from '../runtime/gateway.ts'
import { serveWorker } from './serve-worker.ts'

// oxlint-disable-next-line typescript/no-unsafe-return, typescript/no-unsafe-call
serveWorker((parts) => new Gateway({ ...parts, clock: systemClock, policies: POLICIES }))
