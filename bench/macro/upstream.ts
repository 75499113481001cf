/** What stands behind the proxies, on the load's core: nginx for answers, and a small server that swallows uploads. */
import { once } from 'node:events'
import { truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { nginxGrpcServer } from './grpc.ts'
import { freePort, LOAD_CORE, startPinned } from './process.ts'
import { startEcho } from './websocket.ts'
import { orderJson } from './work.ts'

export const GIB = 2 ** 30

const SMALL = '{"id":1234567,"name":"Ada Lovelace","email":"ada@example.com","roles":["reader","writer"],"active":true,"page":10}\n'

export const SMALL_BYTES = SMALL.length

/** `host:port` of what stands behind the proxies. */
export interface Services {
  /** Answers `/` (115 bytes of JSON), `/json/`, `/64k` and `/1g`. */
  readonly http: string
  /** Answers unary calls, by HTTP/2 without TLS. */
  readonly grpc: string
  /** Swallows uploads below /upload. */
  readonly sink: string
  /** Echoes messages of WebSockets. */
  readonly echo: string
}

export async function startServices(folder: string): Promise<Services> {
  return { ...(await startUpstream(folder)), sink: await startSink(), echo: await startEcho() }
}

/** Starts nginx as service of HTTP and gRPC. */
async function startUpstream(folder: string): Promise<Pick<Services, 'http' | 'grpc'>> {
  if (SMALL_BYTES !== 115) throw new Error(`the small answer has ${SMALL_BYTES} bytes`)
  const port = await freePort()
  const grpcPort = await freePort()
  writeFileSync(join(folder, '64k'), Buffer.alloc(65_536, 'turnpike '))
  writeFileSync(join(folder, '1g'), '')
  truncateSync(join(folder, '1g'), GIB)
  const file = join(folder, 'upstream.conf')
  writeFileSync(
    file,
    `daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/upstream.pid; error_log ${folder}/upstream-error.log;
events { worker_connections 9500; }
http {
  client_body_temp_path ${folder}/ub; proxy_temp_path ${folder}/up; fastcgi_temp_path ${folder}/uf; uwsgi_temp_path ${folder}/uu; scgi_temp_path ${folder}/us;
  access_log off; keepalive_timeout 300s; keepalive_requests 1000000000; sendfile on; open_file_cache max=10;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    default_type application/json;
    location / { return 200 '${SMALL.replace('\n', '\\n')}'; }
    location /json/ { client_max_body_size 1m; return 200 '${orderJson()}'; }
    location = /64k { root ${folder}; }
    location = /1g { root ${folder}; }
  }
  ${nginxGrpcServer(folder, grpcPort)}
}
`,
  )
  startPinned(LOAD_CORE, ['nginx', '-e', `${folder}/upstream-error.log`, '-c', file], join(folder, 'upstream.log'))
  return { http: `127.0.0.1:${port}`, grpc: `127.0.0.1:${grpcPort}` }
}

/** Starts a server that reads a body of known length or in chunks to its end, keeps nothing and answers 204. @returns `host:port` */
async function startSink(): Promise<string> {
  const server = createServer((socket) => {
    let head = ''
    let left = -1
    let tail = ''
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      let body = chunk.length
      if (left === -1) {
        head += chunk.toString('latin1')
        const end = head.indexOf('\r\n\r\n')
        if (end === -1) return
        const length = /^content-length:\s*(\d+)/im.exec(head.slice(0, end))?.[1]
        left = length === undefined ? Number.POSITIVE_INFINITY : Number(length)
        body = head.length - end - 4
      }
      left -= body
      // A chunked body of zeros ends where, and only where, the last chunk stands.
      tail = (tail + chunk.subarray(-5).toString('latin1')).slice(-5)
      if (left > 0 && tail !== '0\r\n\r\n') return
      head = ''
      left = -1
      tail = ''
      socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `127.0.0.1:${address.port}`
}

/** Starts a Redis without persistence on the load's core. @returns its port */
export async function startRedis(folder: string): Promise<number> {
  const port = await freePort()
  startPinned(
    LOAD_CORE,
    ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    join(folder, 'redis.log'),
  )
  return port
}
