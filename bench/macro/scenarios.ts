/** What is measured. A load is repeated in rounds; a probe is taken once a round too, and gives figures of its own. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Chain, chainToken } from './chain.ts'
import { cpuOf, familyOf, memoryOf, resetPeak } from './process.ts'
import { GIB, LOAD_CORE } from './upstream.ts'
import { orderJson, WORK_PATHS, type Work } from './work.ts'

const execute = promisify(execFile)
const SCRIPT = join(import.meta.dirname, 'wrk', 'load.lua')
const CONNECTIONS = 64
const IDLE_CONNECTIONS = 5000
/** The route for everything and that of uploads, which every proxy has. */
const COMMON_ROUTES = 2

/** A proxy that is running and ready. */
export interface Subject {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** Milliseconds from its start to its first 200. */
  readonly startMs: number
}

/** Figures by name; the names carry the unit. */
export type Figures = Readonly<Record<string, number>>

export interface Scenario {
  readonly name: string
  readonly says: string
  /** Routes beside the one for everything. */
  readonly routes: number
  /** Whether Turnpike does the whole chain; the others stay bare. */
  readonly chain: Chain | null
  /** What else Turnpike's route does. */
  readonly work: Work | null
  /** Who can do the same; all when it is left out. */
  readonly only?: readonly string[]
  /** Seconds of load before the first round; long where a state has to be filled. */
  readonly warmSeconds?: (proxy: string) => number
  /** Whether the proxy must be fresh for every round. */
  readonly fresh: boolean
  measure(subject: Subject, seconds: number): Promise<Figures>
}

interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

async function load(port: number, kind: string, path: string, parameter: number | string, seconds: number): Promise<LoadResult> {
  const args = [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    '--latency',
    '-s',
    SCRIPT,
    `http://127.0.0.1:${port}`,
    '--',
    kind,
    path,
    String(parameter),
  ]
  const { stdout } = await execute('taskset', ['-c', String(LOAD_CORE), 'wrk', ...args])
  const result: unknown = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? 'null')
  if (!isLoadResult(result)) throw new Error(`wrk said: ${stdout}`)
  return result
}

function isLoadResult(value: unknown): value is LoadResult {
  return typeof value === 'object' && value !== null && 'requests' in value && 'p99Ms' in value
}

interface LoadOptions {
  /** Routes beside the one for everything. */
  readonly routes?: number
  readonly chain?: Chain
  readonly work?: Work
  readonly only?: readonly string[]
}

/** Long enough for load.lua to name every key once. */
const FILL_SECONDS = 90

/** Load of `kind` on `path`, in CPU time of all the proxy's processes. */
function loadScenario(name: string, says: string, kind: string, path: string, options: LoadOptions = {}): Scenario {
  const { routes = 0, chain = null, work = null, only } = options
  const parameter = work === 'transform' ? orderJson() : chain === null ? routes : chainToken()
  return {
    name,
    says,
    routes,
    chain,
    work,
    ...(only !== undefined && { only }),
    // At 15,000 requests a second each of a million keys has come by in 67 s; the others keep no state.
    ...(chain === 'keys' && { warmSeconds: (proxy: string) => (proxy === 'turnpike' ? FILL_SECONDS : 3) }),
    fresh: false,
    async measure({ port, pid, name: proxy }, seconds) {
      const pids = familyOf(pid)
      const before = cpuOf(pids)
      const { requests, seconds: took, p50Ms, p99Ms, errors } = await load(port, kind, path, parameter, seconds)
      const after = cpuOf(pids)
      if (errors > 0) throw new Error(`${proxy} answered ${errors} of ${requests} requests with an error`)
      const userUs = ((after.userMs - before.userMs) * 1000) / requests
      const systemUs = ((after.systemMs - before.systemMs) * 1000) / requests
      return {
        requestsPerSecond: requests / took,
        cpuUs: userUs + systemUs,
        userUs,
        systemUs,
        p50Ms,
        p99Ms,
        peakBytes: memoryOf(pids).peak,
      }
    },
  }
}

/** One request on a connection that stays open. Resolves when an answer has come. */
async function requestOnce(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => socket.destroy())
  socket.write('GET /idle HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n')
  await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })
  return socket
}

const idle: Scenario = {
  name: '5000-idle',
  says: `memory of ${IDLE_CONNECTIONS} idle connections that did one request each`,
  routes: 0,
  chain: null,
  work: null,
  fresh: true,
  async measure({ port, pid }) {
    // Memory that any load takes once is no cost of a connection.
    await load(port, 'same', '/', 0, 2)
    await sleep(1000)
    const pids = familyOf(pid)
    const before = memoryOf(pids).now
    const sockets: Socket[] = []
    while (sockets.length < IDLE_CONNECTIONS) sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => requestOnce(port)))))
    await sleep(1000)
    const open = sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length
    const after = memoryOf(pids).now
    for (const socket of sockets) socket.destroy()
    if (open < IDLE_CONNECTIONS) throw new Error(`only ${open} of ${IDLE_CONNECTIONS} connections stayed open`)
    return { bytesPerConnection: (after - before) / IDLE_CONNECTIONS }
  },
}

/** One transfer with curl. @returns bytes a second */
async function transfer(port: number, args: readonly string[], figure: string): Promise<number> {
  const all = [
    '-c',
    String(LOAD_CORE),
    'curl',
    '-sS',
    '--fail',
    '-m',
    '120',
    '-o',
    '/dev/null',
    '-w',
    `%{${figure}} %{size_${figure.slice(6)}}`,
  ]
  const { stdout } = await execute('taskset', [...all, ...args.map((arg) => arg.replace('PORT', String(port)))])
  const [speed, size] = stdout.split(' ').map(Number)
  if (size !== GIB) throw new Error(`${size} of ${GIB} bytes were transferred`)
  return speed ?? 0
}

const oneGib = (sparseFile: string): Scenario => ({
  name: '1GiB',
  says: 'one body of 1 GiB down, and one up',
  routes: 0,
  chain: null,
  work: null,
  fresh: true,
  async measure({ port, pid }) {
    await load(port, 'same', '/64k', 0, 1)
    const pids = familyOf(pid)
    const direction = async (args: readonly string[], figure: string): Promise<{ rate: number; growth: number }> => {
      resetPeak(pids)
      const before = memoryOf(pids).now
      const rate = await transfer(port, args, figure)
      return { rate, growth: memoryOf(pids).peak - before }
    }
    const down = await direction(['http://127.0.0.1:PORT/1g'], 'speed_download')
    const up = await direction(['-H', 'Expect:', '-T', sparseFile, 'http://127.0.0.1:PORT/upload/file'], 'speed_upload')
    return { downBytesPerSecond: down.rate, downGrowthBytes: down.growth, upBytesPerSecond: up.rate, upGrowthBytes: up.growth }
  },
})

const start: Scenario = {
  name: 'start',
  says: 'from the start of the process to the first 200',
  routes: 0,
  chain: null,
  work: null,
  fresh: true,
  measure: ({ startMs }) => Promise.resolve({ startMs }),
}

/** @param sparseFile a file of 1 GiB to send */
export function scenarios(sparseFile: string): readonly Scenario[] {
  return [
    loadScenario('keep-alive', 'the same head every time, 115-byte answers', 'same', '/'),
    loadScenario('varying', 'path, cookie and trace headers change on every request', 'varying', '/'),
    loadScenario('64KiB', 'answers of 64 KiB', 'same', '/64k'),
    loadScenario('10-routes', 'requests spread over 10 routes less the two common ones', 'routes', '/items/1', {
      routes: 10 - COMMON_ROUTES,
    }),
    loadScenario('10k-routes', 'the same with 10,000 routes', 'routes', '/items/1', { routes: 10_000 - COMMON_ROUTES }),
    loadScenario('chain', 'Turnpike: known token, permission, three buckets, headers edited; the others bare', 'chain', '/chain/orders', {
      chain: 'memory',
    }),
    loadScenario('chain-redis', 'the same, the buckets in Redis', 'chain', '/chain/orders', { chain: 'redis' }),
    loadScenario('chain-keys', 'the same in memory, with a live state for each of 1,000,000 API keys', 'chain-keys', '/chain/orders', {
      chain: 'keys',
    }),
    loadScenario('cache-hit', 'a 115-byte answer from the cache, which the others have not', 'plain', WORK_PATHS.cache, {
      work: 'cache',
      only: ['turnpike', 'nginx'],
    }),
    loadScenario('transform', 'POST of 2 KiB of JSON, Turnpike changes it both ways; the others bare', 'json', WORK_PATHS.transform, {
      work: 'transform',
    }),
    idle,
    oneGib(sparseFile),
    start,
  ]
}
