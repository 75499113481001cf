/** Work beyond passing HTTP on, and what the proxies are given to do it. */
import { GRPC_PATH, nginxGrpc, transcodingPolicy } from './grpc.ts'
import type { Services } from './upstream.ts'
import { ECHO_PATH } from './websocket.ts'

/**
 * What a route does: `cache` answers from memory (Turnpike and nginx), `transform` changes JSON bodies and `transcoding` makes calls of gRPC
 * of them (Turnpike alone, the others stay bare), `grpc` and `websocket` pass on what these are.
 */
export type Work = 'cache' | 'transform' | 'grpc' | 'transcoding' | 'websocket'

export const WORK_PATHS = { cache: '/cached/catalogue', transform: '/json/orders' }

/** The cookie of the load is no session here: the answer is one for all, as nginx takes it to be too. */
const CACHE_ROUTE = `  cached:
    path: /cached/*
    service: service
    policies: { cache: { ttl: 60s, shareAuthenticated: true } }
`

const TRANSFORM_ROUTE = `  json:
    path: /json/*
    service: service
    policies:
      transform:
        request:
          body:
            remove: [/internal, /items/*/note]
            rename: { /customer/mail: email }
            set: { /tenant: acme, /meta/requestId: "{request.id}" }
            wrap: data
        response:
          body:
            unwrap: data
            remove: [/items/*/cost]
            rename: { /customer/mail: email }
            set: { /meta/servedBy: turnpike }
`

/** For Turnpike's `services` and `routes`. */
export function turnpikeWork(
  work: Work | null,
  folder: string,
  { grpc, echo }: Services,
): { readonly services: string; readonly routes: string } {
  const grpcService = `  grpc: { targets: ["${grpc}"], protocol: h2 }\n`
  switch (work) {
    case 'cache':
      return { services: '', routes: CACHE_ROUTE }
    case 'transform':
      return { services: '', routes: TRANSFORM_ROUTE }
    case 'grpc':
      return { services: grpcService, routes: `  grpc: { path: ${GRPC_PATH}*, service: grpc }\n` }
    case 'transcoding':
      return { services: grpcService, routes: `  rest: { path: /v1/*, service: grpc, policies: { ${transcodingPolicy(folder)} } }\n` }
    case 'websocket':
      return {
        services: `  echo: { targets: ["${echo}"] }\n`,
        routes: `  echo: { path: ${ECHO_PATH}, service: echo, upgrades: [websocket] }\n`,
      }
    case null:
      return { services: '', routes: '' }
  }
}

/** For nginx's `http` and `server` blocks. */
export function nginxWork(work: Work | null, folder: string, { grpc, echo }: Services): { readonly http: string; readonly server: string } {
  if (work === 'grpc') return nginxGrpc(grpc)
  if (work === 'websocket')
    return {
      http: `upstream echo { server ${echo}; }`,
      server: `location ${ECHO_PATH} {
      proxy_pass http://echo; proxy_read_timeout 1h; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
      proxy_set_header Host $http_host; proxy_set_header X-Request-ID $request_id; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host;
    }`,
    }
  if (work !== 'cache') return { http: '', server: '' }
  return {
    http: `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:10m max_size=100m inactive=10m use_temp_path=off; open_file_cache max=100;`,
    server: 'location /cached/ { proxy_cache bench; proxy_cache_valid 200 60s; proxy_cache_lock on; proxy_pass http://service; }',
  }
}

/** For HAProxy: lines of its map of paths, and backends. */
export function haproxyWork(work: Work | null, { grpc, echo }: Services): { readonly map: readonly string[]; readonly backends: string } {
  if (work === 'grpc') return { map: [`${GRPC_PATH} grpc`], backends: `backend grpc\n  server one ${grpc} proto h2\n` }
  if (work === 'websocket') return { map: [`${ECHO_PATH} echo`], backends: `backend echo\n  timeout tunnel 1h\n  server one ${echo}\n` }
  return { map: [], backends: '' }
}

/** An order as JSON, 2 KiB long within a few bytes. */
export function orderJson(): string {
  const items = Array.from({ length: 16 }, (_, index) => ({
    sku: `SKU-${100_000 + index * 37}`,
    quantity: (index % 4) + 1,
    price: 12.5 + index,
    cost: 7.25 + index,
    note: index % 5 === 0 ? 'gift wrapped' : null,
  }))
  const order = {
    data: {
      id: 9007199254740993n.toString(),
      customer: {
        id: 4711,
        name: 'Ada Lovelace',
        mail: 'ada@example.com',
        address: { street: 'St James Square 12', city: 'London', zip: 'SW1Y' },
      },
      items,
      meta: { channel: 'web', currency: 'GBP', createdAt: '2026-11-24T10:15:30Z', locale: 'en-GB' },
      internal: { score: 0.875, flags: ['a', 'b', 'c'] },
    },
  }
  const text = JSON.stringify(order)
  return `${text.slice(0, -2)},"padding":"${'x'.repeat(Math.max(0, 2048 - text.length - 13))}"}}`
}
