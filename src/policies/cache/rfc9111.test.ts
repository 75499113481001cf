/** RFC 9111 in tables; the section stands in each test's name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asking, date, type Fields, World } from './testing.ts'

const BODY = '0123456789'

/** Whether a response is given again to a second request at once. */
async function isStored(headers: Fields, more: { options?: object; asking?: Asking; status?: number } = {}): Promise<boolean> {
  const world = new World(more.options)
  const answer = { status: more.status ?? 200, headers, body: BODY }
  await world.ask(more.asking, answer)
  return (await world.ask(more.asking, answer)).cacheStatus.includes('hit')
}

const cc = (value: string): Fields => [['Cache-Control', value]]

test('RFC 9111, 3: what may be stored, by the response', async () => {
  const cases: readonly (readonly [Fields, boolean])[] = [
    [cc('max-age=60'), true],
    [cc('s-maxage=60'), true],
    [cc('max-age=60, no-store'), false],
    [cc('max-age=60, private'), false],
    [cc('max-age=60, private="x"'), false],
    [cc('max-age=60, must-understand, no-store'), true],
    [cc('MAX-AGE=60'), true],
    [cc('max-age="60"'), true],
    [cc('max-age=60, unknown=1, "'), false],
    [cc('max-age=60,, ,public'), true],
    [cc('max-age=-1'), false],
    [cc('max-age=1.5'), false],
    [cc('max-age'), false],
    [cc('max-age=60, max-age=60'), true],
    [cc('max-age=60, max-age=61'), false],
    [cc('max-age=0, s-maxage=60'), true],
    [cc('max-age=60, s-maxage=0'), false],
    [[], false],
    [[['ETag', '"1"']], false],
    [[['Last-Modified', date(-1_000_000)]], false],
    [cc('public'), false],
    [[['Expires', date(60)]], true],
    [
      [
        ['Expires', date(60)],
        ['Date', date(0)],
      ],
      true,
    ],
    [[['Expires', date(-60)]], false],
    [[['Expires', '0']], false],
    [
      [
        ['Expires', date(60)],
        ['Expires', date(70)],
      ],
      false,
    ],
    [
      [
        ['Expires', date(-60)],
        ['Cache-Control', 'max-age=60'],
      ],
      true,
    ],
    [
      [
        ['Cache-Control', 'max-age=60'],
        ['Set-Cookie', 'a=b'],
      ],
      false,
    ],
    [
      [
        ['Cache-Control', 'max-age=60'],
        ['Content-Range', 'bytes 0-1/2'],
      ],
      false,
    ],
    [
      [
        ['Cache-Control', 'max-age=60'],
        ['Cache-Control', 'no-store'],
      ],
      false,
    ],
  ]
  for (const [headers, expected] of cases) assert.equal(await isStored(headers), expected, JSON.stringify(headers))
})

test('RFC 9111, 3: what may be stored, by the status', async () => {
  for (const status of [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501])
    assert.equal(await isStored(cc('max-age=60'), { status }), true, String(status))
  for (const status of [201, 206, 304, 400, 401, 403, 429, 500, 502, 503, 599])
    assert.equal(await isStored(cc('max-age=60'), { status }), false, String(status))
})

test('RFC 9111, 3.1: fields of the connection are not stored, and Age is made anew', async () => {
  const world = new World()
  const headers: Fields = [
    ['Cache-Control', 'max-age=60'],
    ['Age', '5'],
    ['Keep-Alive', 'x'],
    ['Proxy-Authenticate', 'Basic'],
    ['X-A', '1'],
  ]
  await world.ask({}, { headers, body: BODY })
  world.nowMs += 2_000
  const hit = await world.ask()
  assert.deepEqual(hit.headers.getAll('Age'), ['7'])
  for (const name of ['Keep-Alive', 'Proxy-Authenticate', 'Content-Length']) assert.equal(hit.headers.has(name), false, name)
  assert.equal(hit.headers.get('X-A'), '1')
  assert.equal(hit.headers.get('Date'), date(0))
})

test('RFC 9111, 3.5: an answer to a request with credentials is for others only where the response says so', async () => {
  const asAnyone = async (value: string, first: Asking, options?: object): Promise<boolean> => {
    const world = new World(options)
    await world.ask(first, { headers: cc(value), body: BODY })
    return (await world.ask({}, { headers: cc('no-store') })).cacheStatus.includes('hit')
  }
  const credentials: Asking = { headers: [['Authorization', 'Bearer x']] }
  for (const asking of [credentials, { user: '42' }]) {
    assert.equal(await asAnyone('max-age=60', asking), false)
    for (const value of ['max-age=60, public', 's-maxage=60', 'max-age=60, must-revalidate'])
      assert.equal(await asAnyone(value, asking), true, value)
    assert.equal(await asAnyone('max-age=60, private', asking), false)
    assert.equal(await asAnyone('max-age=60', asking, { shareAuthenticated: true }), true)
  }
})

test('RFC 9111, 4.1: a response fits the requests that have the same values under the names in Vary', async () => {
  const vary = async (value: string, first: Fields, second: Fields): Promise<boolean> => {
    const world = new World()
    await world.ask({ headers: first }, { headers: [...cc('max-age=60'), ['Vary', value]], body: BODY })
    return (await world.ask({ headers: second }, { headers: cc('no-store') })).cacheStatus.includes('hit')
  }
  const cases: readonly (readonly [string, Fields, Fields, boolean])[] = [
    ['X-A', [['X-A', '1']], [['x-a', '1']], true],
    ['X-A', [['X-A', '1']], [['X-A', '2']], false],
    ['X-A', [['X-A', '1']], [], false],
    ['X-A', [], [['X-A', '']], false],
    ['X-A', [], [], true],
    ['*', [], [], false],
    ['X-A, *', [], [], false],
    ['Accept-Encoding', [['Accept-Encoding', 'gzip, BR']], [['Accept-Encoding', 'gzip,br']], true],
    [
      'X-A, X-B',
      [
        ['X-A', '1'],
        ['X-B', '2'],
      ],
      [
        ['X-B', '2'],
        ['X-A', '1'],
      ],
      true,
    ],
    [
      'X-A, X-B',
      [
        ['X-A', '1'],
        ['X-B', '2'],
      ],
      [
        ['X-A', '1'],
        ['X-B', '3'],
      ],
      false,
    ],
    [
      'X-A',
      [
        ['X-A', '1'],
        ['X-A', '2'],
      ],
      [['X-A', '1, 2']],
      true,
    ],
    ['not a name', [], [], false],
  ]
  for (const [value, first, second, expected] of cases)
    assert.equal(await vary(value, first, second), expected, `${value} ${JSON.stringify([first, second])}`)
})

test('RFC 9111, 4.2: a response is fresh for as long as it says, and not a moment longer', async () => {
  const lastsMs = async (headers: Fields, options?: object): Promise<number> => {
    const world = new World(options)
    // What can be validated is kept beyond its freshness.
    await world.ask({}, { headers: [...headers, ['ETag', '"1"']], body: BODY })
    let low = 0
    for (let step = 2 ** 20; step >= 1; step /= 2) {
      world.nowMs += step
      const { cacheStatus, forwarded } = await world.ask({}, { status: 503, headers: [] })
      if (forwarded === null && cacheStatus.includes('hit')) low += step
      else world.nowMs -= step
    }
    return low + 1
  }
  assert.equal(await lastsMs(cc('max-age=60')), 60_000)
  assert.equal(await lastsMs(cc('max-age=60, s-maxage=30')), 30_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Age', '20']]), 40_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Date', date(-25)]]), 35_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Date', date(-25)], ['Age', '40']]), 20_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Date', date(25)]]), 60_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Age', 'old']]), 60_000)
  assert.equal(
    await lastsMs([
      ['Expires', date(90)],
      ['Date', date(0)],
    ]),
    90_000,
  )
  assert.equal(await lastsMs([['X-A', '1']], { defaultTtl: '10s' }), 10_000)
  assert.equal(await lastsMs(cc('max-age=60'), { ttl: '7s' }), 7_000)
  assert.equal(await lastsMs([...cc('max-age=60'), ['Age', '20']], { ttl: '7s' }), 7_000)
})

/** What is asked of the service once a stored response is so many seconds old; null where it is not asked. */
async function afterSeconds(seconds: number, response: string, request: string, options?: object): Promise<string> {
  const world = new World(options)
  await world.ask({}, { headers: [...cc(response), ['ETag', '"1"']], body: BODY })
  world.nowMs += seconds * 1000
  const told = await world.ask({ headers: request === '' ? [] : cc(request) }, { status: 503 })
  if (told.code !== null) return told.code
  return told.forwarded === null ? 'hit' : 'asked'
}

test('RFC 9111, 5.2.1: what clients ask of caches', async () => {
  const cases: readonly (readonly [number, string, string, string])[] = [
    [10, 'max-age=60', 'max-age=10', 'hit'],
    [11, 'max-age=60', 'max-age=10', 'asked'],
    [0, 'max-age=60', 'max-age=x', 'asked'],
    [10, 'max-age=60', 'min-fresh=50', 'hit'],
    [11, 'max-age=60', 'min-fresh=50', 'asked'],
    [70, 'max-age=60', 'max-stale', 'hit'],
    [70, 'max-age=60', 'max-stale=10', 'hit'],
    [71, 'max-age=60', 'max-stale=10', 'asked'],
    [70, 'max-age=60', 'max-stale=x', 'asked'],
    [70, 'max-age=60, must-revalidate', 'max-stale', 'asked'],
    [70, 'max-age=60, proxy-revalidate', 'max-stale', 'asked'],
    [70, 's-maxage=60', 'max-stale', 'asked'],
    [0, 'no-cache', 'max-stale', 'asked'],
    [0, 'max-age=60', 'no-cache', 'asked'],
    [0, 'max-age=60', 'no-store', 'asked'],
    [0, 'max-age=60', 'only-if-cached', 'hit'],
    [70, 'max-age=60', 'only-if-cached', 'cache_only'],
    [0, 'max-age=60', 'only-if-cached, no-store', 'cache_only'],
    [70, 'max-age=60', 'only-if-cached, max-stale', 'hit'],
    [0, 'max-age=60', 'no-transform', 'hit'],
  ]
  for (const [seconds, response, request, expected] of cases)
    assert.equal(await afterSeconds(seconds, response, request), expected, `${seconds} s, ${response}, ${request}`)
  assert.equal(await afterSeconds(0, 'max-age=60', 'no-cache', { requestDirectives: 'ignore' }), 'hit')
  assert.equal(await afterSeconds(0, 'max-age=60', 'no-cache', { ttl: '1m' }), 'hit')
  assert.equal(await afterSeconds(0, 'max-age=60', 'no-cache', { ttl: '1m', requestDirectives: 'obey' }), 'asked')
})

test('RFC 9111, 5.4: Pragma counts where there is no Cache-Control', async () => {
  const world = new World()
  await world.ask({}, { headers: cc('max-age=60') })
  assert.notEqual((await world.ask({ headers: [['Pragma', 'no-cache']] }, { headers: cc('max-age=60') })).forwarded, null)
  assert.equal(
    (
      await world.ask({
        headers: [
          ['Pragma', 'no-cache'],
          ['Cache-Control', 'max-age=60'],
        ],
      })
    ).forwarded,
    null,
  )
})
