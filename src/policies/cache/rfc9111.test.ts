/** RFC 9111 in tables; the section stands in each test's name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asking, date, type Fields, type ServiceAnswer, World } from './testing.ts'

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

test('RFC 9111, 4.3.1 and 4.3.4: a stored response is validated by what it has, and brought up to date', async () => {
  const world = new World()
  const first: Fields = [
    ['Cache-Control', 'max-age=10'],
    ['ETag', '"1"'],
    ['Last-Modified', date(-100)],
    ['X-A', 'old'],
    ['Content-Type', 'text/a'],
  ]
  await world.ask({}, { headers: first, body: BODY })
  world.nowMs += 20_000
  const update: Fields = [
    ['Cache-Control', 'max-age=30'],
    ['ETag', '"1"'],
    ['X-A', 'new'],
    ['X-B', '1'],
    ['Content-Type', 'text/b'],
    ['Content-Length', '3'],
  ]
  const told = await world.ask({ headers: [['If-None-Match', '"client"']] }, { status: 304, headers: update })
  assert.equal(told.forwarded?.get('If-None-Match'), '"1"')
  assert.equal(told.forwarded?.get('If-Modified-Since'), date(-100))
  assert.deepEqual([told.status, told.body, told.headers.get('X-A'), told.headers.get('Content-Type')], [200, BODY, 'new', 'text/a'])
  assert.equal(told.cacheStatus, 'turnpike; fwd=stale; fwd-status=304; stored')
  world.nowMs += 29_000
  const hit = await world.ask()
  assert.deepEqual([hit.body, hit.headers.getAll('X-A'), hit.headers.get('X-B'), hit.headers.get('Age')], [BODY, ['new'], '1', '29'])
})

test('RFC 9111, 4.3.3: another response takes the place of the stored one, an error leaves it, and one not to be stored removes it', async () => {
  const after = async (answer: ServiceAnswer): Promise<string> => {
    const world = new World({ staleIfError: '0s' })
    await world.ask({}, { headers: [...cc('max-age=10'), ['ETag', '"1"']], body: 'old' })
    world.nowMs += 20_000
    await world.ask({}, answer)
    const last = await world.ask({}, { status: 304, headers: cc('max-age=10') })
    return last.forwarded === null ? last.body : `${last.forwarded.get('If-None-Match') ?? 'nothing'} ${last.body}`
  }
  assert.equal(await after({ headers: cc('max-age=10'), body: 'new' }), 'new')
  assert.equal(await after({ status: 503, body: 'ill' }), '"1" old')
  assert.equal(await after({ status: 403, body: 'no' }), '"1" old')
  assert.equal(await after({ headers: cc('no-store'), body: 'new' }), 'nothing ')
  assert.equal(await after({ status: 404 }), 'nothing ')
  assert.equal(await after({ status: 304, headers: cc('no-store') }), 'nothing ')
  assert.equal(await after({ status: 304, headers: [['ETag', '"2"']] }), 'nothing ')
})

test('RFC 9111, 4.3.2: conditions of clients are answered from what is stored', async () => {
  const condition = async (fields: Fields, stored: Fields, status = 200): Promise<number> => {
    const world = new World()
    await world.ask({}, { status, headers: [...cc('max-age=60'), ...stored], body: BODY })
    return (await world.ask({ headers: fields })).status
  }
  const tag: Fields = [['ETag', '"1"']]
  const modified: Fields = [['Last-Modified', date(-100)]]
  assert.equal(await condition([['If-None-Match', '"1"']], tag), 304)
  assert.equal(await condition([['If-None-Match', 'W/"1"']], tag), 304)
  assert.equal(await condition([['If-None-Match', '"0", W/"1" ,"2"']], tag), 304)
  assert.equal(await condition([['If-None-Match', '"1"']], [['ETag', 'W/"1"']]), 304)
  assert.equal(await condition([['If-None-Match', '*']], tag), 304)
  assert.equal(await condition([['If-None-Match', '"2"']], tag), 200)
  assert.equal(await condition([['If-None-Match', '1']], tag), 200)
  assert.equal(await condition([['If-None-Match', '"0" "1"']], tag), 200)
  assert.equal(await condition([['If-Modified-Since', date(-100)]], modified), 304)
  assert.equal(await condition([['If-Modified-Since', date(-99)]], modified), 304)
  assert.equal(await condition([['If-Modified-Since', date(-101)]], modified), 200)
  assert.equal(await condition([['If-Modified-Since', 'yesterday']], modified), 200)
  assert.equal(await condition([['If-Modified-Since', date(0)]], [['Date', date(0)]]), 304)
  assert.equal(
    await condition(
      [
        ['If-None-Match', '"2"'],
        ['If-Modified-Since', date(0)],
      ],
      [...tag, ...modified],
    ),
    200,
  )
  assert.equal(await condition([['If-None-Match', '"1"']], tag, 404), 404)
})

test('RFC 9111, 4.3.2: If-Match and If-Unmodified-Since are for the service', async () => {
  for (const name of ['If-Match', 'If-Unmodified-Since']) {
    const world = new World()
    await world.ask({}, { headers: cc('max-age=60'), body: BODY })
    const told = await world.ask({ headers: [[name, '"1"']] }, { status: 412 })
    assert.equal(told.status, 412)
    assert.equal(told.cacheStatus, 'turnpike; fwd=bypass')
  }
})

test('RFC 9110, 15.4.5: a 304 has the fields that say what it is about, and not those of the body', async () => {
  const world = new World()
  const headers: Fields = [
    ['Cache-Control', 'max-age=60'],
    ['ETag', '"1"'],
    ['Content-Type', 'a/b'],
    ['Content-Encoding', 'gzip'],
    ['Vary', 'X'],
    ['Last-Modified', date(-9)],
    ['Content-Location', '/b'],
  ]
  await world.ask({}, { headers, body: BODY })
  const { headers: told } = await world.ask({ headers: [['If-None-Match', '"1"']] })
  assert.deepEqual(
    told
      .toPairs()
      .map(([name]) => name)
      .toSorted(),
    ['age', 'cache-control', 'cache-status', 'content-location', 'date', 'etag', 'vary'],
  )
})

test('RFC 9110, 14.2: parts of a stored response', async () => {
  const part = async (range: string, more: Fields = [], method = 'GET'): Promise<string> => {
    const world = new World()
    await world.ask({}, { headers: [...cc('max-age=60'), ['ETag', '"1"'], ['Last-Modified', date(-100)], ['Date', date(0)]], body: BODY })
    const told = await world.ask({ method, headers: [['Range', range], ...more] })
    return `${told.status} ${told.headers.get('Content-Range') ?? ''} ${told.body}`
  }
  const whole = `200  ${BODY}`
  assert.equal(await part('bytes=0-0'), '206 bytes 0-0/10 0')
  assert.equal(await part('bytes=2-'), '206 bytes 2-9/10 23456789')
  assert.equal(await part('bytes=-3'), '206 bytes 7-9/10 789')
  assert.equal(await part('bytes=-30'), `206 bytes 0-9/10 ${BODY}`)
  assert.equal(await part('bytes=5-99'), '206 bytes 5-9/10 56789')
  assert.equal(await part('bytes=10-'), '416 bytes */10 ')
  assert.equal(await part('bytes=-0'), '416 bytes */10 ')
  for (const range of ['bytes=0-1,3-4', 'bytes=4-2', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes 0-1'])
    assert.equal(await part(range), whole, range)
  assert.equal(await part('bytes=0-0', [], 'HEAD'), whole)
  assert.equal(await part('bytes=0-0', [['If-Range', '"1"']]), '206 bytes 0-0/10 0')
  assert.equal(await part('bytes=0-0', [['If-Range', date(-100)]]), '206 bytes 0-0/10 0')
  for (const condition of ['"2"', 'W/"1"', date(-99)]) assert.equal(await part('bytes=0-0', [['If-Range', condition]]), whole, condition)
  assert.equal(await part('bytes=0-0', [['If-None-Match', '"1"']]), '304  ')
})

test('a request for a part that is not stored goes to the service as it is, and what comes is not stored', async () => {
  const world = new World()
  const told = await world.ask(
    {
      headers: [
        ['Range', 'bytes=0-1'],
        ['If-None-Match', '"x"'],
      ],
    },
    { status: 206, headers: [...cc('max-age=60'), ['Content-Range', 'bytes 0-1/10']], body: '01' },
  )
  assert.deepEqual([told.forwarded?.get('Range'), told.forwarded?.get('If-None-Match')], ['bytes=0-1', '"x"'])
  assert.notEqual((await world.ask({}, { headers: cc('max-age=60'), body: BODY })).forwarded, null)
})

test('RFC 9111, 4.3.5: an answer to HEAD brings the stored response up to date, or removes it', async () => {
  const after = async (headers: Fields): Promise<string> => {
    const world = new World()
    await world.ask({}, { headers: [...cc('max-age=10'), ['ETag', '"1"']], body: BODY })
    world.nowMs += 20_000
    await world.ask({ method: 'HEAD' }, { headers })
    const told = await world.ask({}, { headers: cc('no-store'), body: 'new' })
    return told.forwarded === null ? `hit ${told.body}` : (told.forwarded.get('If-None-Match') ?? 'nothing')
  }
  assert.equal(await after([...cc('max-age=60'), ['ETag', '"1"'], ['Content-Length', '10']]), `hit ${BODY}`)
  assert.equal(await after([...cc('max-age=60'), ['ETag', '"2"']]), 'nothing')
  assert.equal(await after([...cc('max-age=60'), ['Content-Length', '11']]), 'nothing')
  assert.equal(await after(cc('no-store')), 'nothing')
})

test('RFC 9111, 4.4: unsafe methods that succeed make what is stored of their URIs obsolete', async () => {
  const paths = ['/a', '/b', '/c']
  const left = async (method: string, status: number, headers: Fields = []): Promise<string> => {
    const world = new World()
    for (const path of paths) await world.ask({ path, user: '1' }, { headers: cc('public, max-age=60') })
    await world.ask({ path: '/a', method }, { status, headers })
    let hits = ''
    for (const path of paths) if ((await world.ask({ path }, { status: 503 })).forwarded === null) hits += path
    return hits
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'BREW']) assert.equal(await left(method, 204), '/b/c', method)
  for (const method of ['OPTIONS', 'TRACE']) assert.equal(await left(method, 204), '/a/b/c', method)
  assert.equal(
    await left('POST', 303, [
      ['Location', '/b'],
      ['Content-Location', 'http://example.com/x/../c'],
    ]),
    '',
  )
  assert.equal(
    await left('POST', 303, [
      ['Location', 'http://other.example/b'],
      ['Content-Location', '//['],
    ]),
    '/b/c',
  )
  for (const status of [400, 404, 500, 503]) assert.equal(await left('POST', status, [['Location', '/b']]), '/a/b/c', String(status))
})

test('RFC 9111, 4: an answer that was asked for before an unsafe method succeeded is not stored after it', async () => {
  const world = new World()
  const steps = await world.steps()
  const slow = world.exchange()
  assert.equal(await steps.onRequest?.(slow), undefined)
  await world.ask({ method: 'POST' }, { status: 204 })
  await world.finish(slow, undefined, { headers: cc('max-age=60'), body: 'before' })
  assert.notEqual((await world.ask({}, { headers: cc('max-age=60'), body: 'after' })).forwarded, null)
  assert.equal((await world.ask()).body, 'after')
})

test('RFC 9211: Cache-Status says what the cache did, behind what others said', async () => {
  const world = new World()
  const headers: Fields = [...cc('max-age=60'), ['Cache-Status', 'origin; hit']]
  const miss = await world.ask({}, { headers })
  assert.deepEqual(miss.headers.getAll('Cache-Status'), ['origin; hit', 'turnpike; fwd=miss; stored'])
  assert.deepEqual((await world.ask()).headers.getAll('Cache-Status'), ['origin; hit', 'turnpike; hit; ttl=60'])
  world.nowMs += 1_500
  assert.equal((await world.ask()).cacheStatus, 'turnpike; hit; ttl=58')
  assert.equal((await world.ask({ headers: cc('no-cache') }, { headers: cc('no-store') })).cacheStatus, 'turnpike; fwd=request')
  assert.equal((await world.ask({ method: 'POST' }, {})).cacheStatus, 'turnpike; fwd=method')
})
