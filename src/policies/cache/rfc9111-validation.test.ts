/** RFC 9111, 4.3 and 4.4, and the parts of RFC 9110 that go with them, in tables; the section stands in each test's name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { date, type Fields, type ServiceAnswer, World } from './testing.ts'

const BODY = '0123456789'

const cc = (value: string): Fields => [['Cache-Control', value]]

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

test('RFC 9111, 4.3.4: a 304 with another tag is not put on what is stored', async () => {
  const world = new World()
  await world.ask({}, { headers: [['ETag', '"1"'], ...cc('max-age=10')], body: 'first' })
  world.nowMs += 11_000
  const told = await world.ask({}, { status: 304, headers: [['ETag', '"2"'], ...cc('max-age=10')] })
  assert.deepEqual([told.status, told.body, told.headers.get('ETag')], [200, 'first', '"1"'])
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
