/** Work beyond passing on: a cache that answers, and JSON bodies that are changed on their way. */

/** What Turnpike's route does; the others stay bare, but for nginx, which has a cache of its own. */
export type Work = 'cache' | 'transform'

export const WORK_PATHS: Readonly<Record<Work, string>> = { cache: '/cached/catalogue', transform: '/json/orders' }

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

export function workRoute(work: Work | null): string {
  return work === null ? '' : work === 'cache' ? CACHE_ROUTE : TRANSFORM_ROUTE
}

/** For nginx's `http` and `server` blocks. */
export function nginxCache(work: Work | null, folder: string): { readonly http: string; readonly server: string } {
  if (work !== 'cache') return { http: '', server: '' }
  return {
    http: `proxy_cache_path ${folder}/cache levels=1:2 keys_zone=bench:10m max_size=100m inactive=10m use_temp_path=off; open_file_cache max=100;`,
    server: 'location /cached/ { proxy_cache bench; proxy_cache_valid 200 60s; proxy_cache_lock on; proxy_pass http://service; }',
  }
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
