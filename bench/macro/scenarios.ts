/** What is measured. A load is repeated in rounds; a probe is taken once a round too, and gives figures of its own. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { chainToken } from './chain.ts'
import { grpcScenarios } from './grpc.ts'
import { HTTP2 } from './http2.ts'
import { costOf, wrk } from './load.ts'
import { familyOf, LOAD_CORE, memoryOf, resetPeak } from './process.ts'
import { BARE, type Needs, PEERS, type Scenario } from './scenario.ts'
import { HANDSHAKES } from './tls.ts'
import { GIB } from './upstream.ts'
import { WEBSOCKET } from './websocket.ts'
import { orderJson, WORK_PATHS } from './work.ts'

const execute = promisify(execFile)
const IDLE_CONNECTIONS = 5000
/** The route for everything and that of uploads, which every proxy has. */
const COMMON_ROUTES = 2

/** Long enough for load.lua to name every key once. */
const FILL_SECONDS = 90

const PLAIN = { kind: 'same', path: '/', parameter: 0 }

/** Load of `kind` on `path`, in CPU time of all the proxy's processes. */
function loadScenario(
  name: string,
  says: string,
  kind: string,
  path: string,
  options: Partial<Needs> & { readonly only?: readonly string[] } = {},
): Scenario {
  const { only, ...rest } = options
  const needs = { ...BARE, ...rest }
  const { front, routes, chain, work } = needs
  const request = { kind, path, parameter: work === 'transform' ? orderJson() : chain === null ? routes : chainToken() }
  return {
    name,
    says,
    needs,
    ...(only !== undefined && { only }),
    // At 15,000 requests a second each of a million keys has come by in 67 s; the others keep no state.
    ...(chain === 'keys' && { warmSeconds: (proxy: string) => (proxy === 'turnpike' ? FILL_SECONDS : 3) }),
    ...(chain === 'redis' && { programs: ['redis-server'] }),
    fresh: false,
    measure: (subject, seconds) => costOf(subject, () => wrk(front, subject.port, request, seconds)),
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
  needs: BARE,
  fresh: true,
  async measure({ port, pid }) {
    // Memory that any load takes once is no cost of a connection.
    await wrk('http', port, PLAIN, 2)
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
  needs: BARE,
  fresh: true,
  async measure({ port, pid }) {
    await wrk('http', port, { ...PLAIN, path: '/64k' }, 1)
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
  needs: BARE,
  fresh: true,
  measure: ({ startMs }) => Promise.resolve({ startMs }),
}

/** @param folder has a file `1g` of 1 GiB to send; others are put there */
export function scenarios(folder: string): readonly Scenario[] {
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
    loadScenario('tls', 'as keep-alive, by HTTP/1.1 over TLS', 'same', '/', { front: 'tls', only: PEERS }),
    loadScenario('tls-64KiB', 'answers of 64 KiB, by HTTP/1.1 over TLS', 'same', '/64k', { front: 'tls', only: PEERS }),
    ...HANDSHAKES,
    ...HTTP2,
    ...grpcScenarios(join(folder, 'call')),
    WEBSOCKET,
    idle,
    oneGib(join(folder, '1g')),
    start,
  ]
}
