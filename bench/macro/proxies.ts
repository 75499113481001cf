/**
 * The proxies that are compared, each set up for the same work: one worker, kept connections to the service, X-Request-ID,
 * X-Forwarded-For, -Proto and -Host, a JSON access log to a file, metrics where it has them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chainRoute, chainStores } from './chain.ts'
import { haproxyFront, nginxFront, type TlsFiles, turnpikeFront } from './front.ts'
import { freePort, PROXY_CORE, type Running, startPinned, versionOf } from './process.ts'
import type { Needs } from './scenario.ts'
import type { Services } from './upstream.ts'
import { haproxyWork, nginxWork, turnpikeWork } from './work.ts'

/** This working tree. */
export const ROOT = join(import.meta.dirname, '..', '..')

export interface Setup extends Needs {
  /** A folder of its own for files. */
  readonly folder: string
  readonly services: Services
  readonly tlsFiles: TlsFiles
  readonly redisPort: number | null
}

export interface Contender {
  readonly name: string
  /** Version, or null when it is not installed. */
  readonly version: string | null
  /** Most routes it is asked to hold; more is not a fair question to it. */
  readonly routesMax: number
  start(setup: Setup): Promise<{ readonly running: Running; readonly port: number }>
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const nginx: Contender = {
  name: 'nginx',
  version: versionOf('nginx', '-v'),
  routesMax: Number.POSITIVE_INFINITY,
  async start({ folder, services, tlsFiles, front, routes, work }) {
    const port = await freePort()
    const edge = nginxFront(front, tlsFiles)
    const extra = nginxWork(work, folder, services)
    const locations = numbers(routes).map((route) => `location /route-${route}/ { proxy_pass http://service; }`)
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      `daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events { worker_connections 9500; }
http {
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","uri":"$request_uri","status":$status,"bytes":$body_bytes_sent,'
    '"ms":$request_time,"upstream":"$upstream_addr","upstream_ms":"$upstream_response_time","id":"$request_id","client":"$remote_addr","agent":"$http_user_agent"}';
  access_log ${folder}/access.log json buffer=64k flush=1s;
  client_max_body_size 0; keepalive_timeout 75s; keepalive_requests 1000000000;
  proxy_http_version 1.1; proxy_max_temp_file_size 0; proxy_request_buffering off;
  proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Request-ID $request_id;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
  add_header X-Request-ID $request_id;
  upstream service { server ${services.http}; keepalive 128; keepalive_requests 1000000000; }
  upstream sink { server ${services.sink}; keepalive 4; }
  ${edge.http}
  ${extra.http}
  server {
    listen 127.0.0.1:${port}${edge.listen} backlog=4096;
    location / { proxy_pass http://service; }
    location /upload { proxy_pass http://sink; }
    location = /nginx-status { stub_status; access_log off; }
    ${locations.join('\n    ')}
    ${extra.server}
  }
}
`,
    )
    return { port, running: startPinned(PROXY_CORE, ['nginx', '-e', `${folder}/error.log`, '-c', file], join(folder, 'nginx.log')) }
  },
}

const haproxy: Contender = {
  name: 'haproxy',
  version: versionOf('haproxy', '-v'),
  routesMax: Number.POSITIVE_INFINITY,
  async start({ folder, services, tlsFiles, front, routes, work }) {
    const port = await freePort()
    const edge = haproxyFront(front, tlsFiles)
    const extra = haproxyWork(work, services)
    const stats = await freePort()
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(
      join(folder, 'routes.map'),
      ['/upload sink', ...extra.map, ...numbers(routes).map((route) => `/route-${route}/ service`), ''].join('\n'),
    )
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 9000
  log stdout len 4096 format raw local0
  ${edge.global}
defaults
  mode http
  log global
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 75s
  http-reuse always
frontend in
  bind 127.0.0.1:${port} backlog 4096${edge.bind}
  unique-id-format %[uuid()]
  unique-id-header X-Request-ID
  http-after-response set-header X-Request-ID %[unique-id]
  http-request capture req.hdr(User-Agent) len 128
  http-request set-header X-Forwarded-Proto ${front === 'tls' ? 'https' : 'http'}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  option forwardfor
  log-format '{"time":"%t","method":"%HM","uri":"%HU","status":%ST,"bytes":%B,"ms":%Ta,"upstream":"%s","upstream_ms":%Tr,"id":"%ID","client":"%ci","agent":"%[capture.req.hdr(0),json]"}'
  use_backend %[path,map_beg(${folder}/routes.map,service)]
frontend stats
  bind 127.0.0.1:${stats}
  http-request use-service prometheus-exporter if { path /metrics }
backend service
  server one ${services.http}
backend sink
  server one ${services.sink}
${extra.backends}`,
    )
    return { port, running: startPinned(PROXY_CORE, ['haproxy', '-f', file], join(folder, 'access.log')) }
  },
}

const caddy: Contender = {
  name: 'caddy',
  version: versionOf('caddy', 'version'),
  // It tries routes one after the other.
  routesMax: 10,
  async start({ folder, services, routes }) {
    const port = await freePort()
    const admin = await freePort()
    const file = join(folder, 'Caddyfile')
    const proxyTo = (address: string): string => `reverse_proxy ${address} {
    header_up X-Request-ID {http.request.uuid}
    transport http {
      keepalive_idle_conns 128
      keepalive_idle_conns_per_host 128
    }
  }`
    writeFileSync(
      file,
      `{
  admin 127.0.0.1:${admin}
  auto_https off
  servers {
    metrics
  }
  log {
    output file ${folder}/caddy.log
  }
}
http://127.0.0.1:${port}, http://localhost:${port} {
  log {
    output file ${folder}/access.log
    format json
  }
  header X-Request-ID {http.request.uuid}
  handle /upload* {
    ${proxyTo(services.sink)}
  }
  ${numbers(routes)
    .map((route) => `handle /route-${route}/* {\n    ${proxyTo(services.http)}\n  }`)
    .join('\n  ')}
  handle {
    ${proxyTo(services.http)}
  }
}
`,
    )
    const env = { GOMAXPROCS: '1', HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
    return {
      port,
      running: startPinned(PROXY_CORE, ['caddy', 'run', '--adapter', 'caddyfile', '--config', file], join(folder, 'caddy.out'), env),
    }
  },
}

/**
 * Turnpike as it is in a folder.
 * @param lines more of its configuration, at the top level
 */
export const turnpikeIn = (root: string, lines: string): Contender => ({
  name: 'turnpike',
  version: existsSync(join(root, 'bin', 'turnpike')) ? packageVersion(root) : null,
  routesMax: Number.POSITIVE_INFINITY,
  async start({ folder, services, tlsFiles, front, routes, chain, redisPort, work }) {
    const port = await freePort()
    const extra = turnpikeWork(work, folder, services)
    const admin = await freePort()
    const file = join(folder, 'turnpike.yaml')
    writeFileSync(
      file,
      `listeners: [{ host: 127.0.0.1, port: ${port}${turnpikeFront(front, tlsFiles)} }]
admin: { port: ${admin} }
workers: 1
accessLog: { output: ${folder}/access.log }
limits: { bodyBytesMax: 2GiB }
${chain === null ? '' : chainStores(redisPort)}services:
  service: { targets: ["${services.http}"] }
  sink: { targets: ["${services.sink}"] }
${extra.services}routes:
  everything: { path: /*, service: service }
  upload: { path: /upload/*, service: sink }
${chain === null ? '' : chainRoute(chain)}${extra.routes}${numbers(routes)
  .map((route) => `  route-${route}: { path: /route-${route}/*, service: service }\n`)
  .join('')}${lines}\n`,
    )
    return { port, running: startPinned(PROXY_CORE, [join(root, 'bin', 'turnpike'), 'start', file], join(folder, 'turnpike.log')) }
  },
})

function packageVersion(root: string): string {
  const value: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return typeof value === 'object' && value !== null && 'version' in value ? String(value.version) : 'unknown'
}

export const PROXIES: readonly Contender[] = [turnpikeIn(ROOT, ''), nginx, haproxy, caddy]
