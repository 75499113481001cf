import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { exchangeOf, onRequest, onResponse } from '../testing.ts'
import { compile, compileRequest, JSON_TYPE, sendBody, told } from './testing.ts'

test('replace only what is there, default only what is not, add lists; and a rename may leave a name to who has it', async () => {
  const edits = {
    rename: { 'x-a': 'x-b' },
    taken: 'keep',
    replace: { 'x-b': '{param.id}', 'x-none': '1', 'x-gone': '{claim.tid}' },
    default: { 'x-b': 'no', 'x-new': 'n', 'x-empty': '{claim.tid}' },
    add: { 'x-l': ['1', '{param.id}'] },
  }
  const steps = await compileRequest({ headers: edits, query: edits })
  const headers = [
    ['X-A', 'a'],
    ['X-B', 'b'],
    ['X-B', 'c'],
    ['X-Gone', 'g'],
    ['X-L', '0'],
  ] as const
  const exchange = exchangeOf({ query: 'x-a=a&x-b=b&x-b=c&x-gone=g&x-l=0', params: { id: '7' }, headers })
  assert.equal(onRequest(steps, exchange), undefined)
  const expected = ['x-l: 0', 'x-b: 7', 'x-new: n', 'x-l: 1', 'x-l: 7']
  assert.deepEqual(
    exchange.request.headers
      .toPairs()
      .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
      .toSorted(),
    expected.toSorted(),
  )
  assert.equal(exchange.forward.query, expected.map((field) => field.replace(': ', '=')).join('&'))
})

test('the Host for the service, which a value of the request cannot break out of', async () => {
  const steps = await compileRequest({ host: '{query.t}.internal:81' })
  for (const [query, host] of [
    ['t=a', 'a.internal:81'],
    ['t=a%2Fb', null],
    ['t=a%40b', null],
  ] as const) {
    const exchange = exchangeOf({ query })
    const verdict = onRequest(steps, exchange)
    assert.equal(host === null ? verdict?.code : exchange.forward.authority, host ?? 'request_malformed', query)
  }
})

const FORM = ['Content-Type', 'application/x-www-form-urlencoded'] as const

test('forms: what no rule changes stays, and what could be read in two ways is refused', async () => {
  const steps = await compileRequest({ form: { remove: ['admin'], set: { tenant: '{claim.tid}' } } })
  assert.equal((await sendBody(steps, [FORM], 'a=1&b=%32')).said, 'stays')
  assert.equal((await sendBody(steps, [FORM], 'a=1&%61dmin=1&tenant=x')).said, 'a=1')
  assert.equal((await sendBody(steps, [FORM], 'a=1&admin=1\n')).said, 'request_body_invalid')
  assert.equal((await sendBody(steps, [['Content-Type', 'multipart/form-data']], 'x')).said, 'request_body_invalid')
  assert.equal((await sendBody(steps, [['Content-Type', 'text/plain']], 'admin=1')).said, 'streams')
  const gzipped = [FORM, ['Content-Encoding', 'gzip']] as const
  assert.equal((await sendBody(steps, gzipped, gzipSync('admin=1&b=2'))).said, 'b=2')
  assert.equal((await sendBody(steps, gzipped, 'admin=1')).said, 'request_body_invalid')
})

test('a form becomes parameters, which are edited with those of the query', async () => {
  const steps = await compileRequest({ method: 'GET', formToQuery: true, query: { remove: ['secret'] } })
  const exchange = exchangeOf({ method: 'POST', query: 'a=1&secret=1', bodyLength: 10, headers: [FORM] })
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(told((await steps.requestBody?.run(exchange, Buffer.from('secret=2&b=2'))) ?? undefined), '')
  assert.deepEqual([exchange.forward.query, exchange.request.headers.has('Content-Type')], ['a=1&b=2', false])
})

test('a form that becomes parameters stays within the query', async () => {
  const steps = await compileRequest({ method: 'GET', formToQuery: true })
  const exchange = exchangeOf({ method: 'POST', query: 'a=1', bodyLength: 10, headers: [FORM] })
  await steps.requestBody?.run(exchange, Buffer.from('b=1#c&d=<2>&e=%23'))
  assert.equal(exchange.forward.query, 'a=1&b=1%23c&d=%3C2%3E&e=%23')
})

test('a value makes no parts of its own', async () => {
  const steps = await compileRequest({ form: { remove: ['admin'], set: { note: '{query.note}' } } })
  const body = '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n'
  const send = async (note: string) => {
    const exchange = exchangeOf({
      method: 'POST',
      query: `note=${encodeURIComponent(note)}`,
      bodyLength: body.length,
      headers: [['Content-Type', 'multipart/form-data; boundary=b']],
    })
    return told((await steps.requestBody?.run(exchange, Buffer.from(body))) ?? undefined)
  }
  assert.match((await send('--')) ?? '', /name="note"\r\n\r\n--\r\n/)
  assert.equal(await send('\r\n--b\r\nContent-Disposition: form-data; name="admin"\r\n\r\ntrue'), 'request_body_invalid')
})

test('pass-unparsable: what nobody takes for JSON passes, what could be read in two ways does not', async () => {
  const steps = await compileRequest({ body: { remove: ['/a'] }, notJson: 'pass-unparsable' })
  const json = [JSON_TYPE]
  assert.equal((await sendBody(steps, json, '{"a":')).said, 'stays')
  assert.equal((await sendBody(steps, json, '{"a":1,"a":2}')).said, 'request_body_invalid')
  assert.equal((await sendBody(steps, json, '['.repeat(65) + ']'.repeat(65))).said, 'request_body_invalid')
  assert.equal((await sendBody(steps, [['Content-Type', 'text/plain']], '{"a":1}')).said, 'streams')
})

test('headers of all responses are edited where that is asked for', async () => {
  const steps = await compile({ response: { headersOn: 'all', timeHeader: false, headers: { default: { 'X-A': '1' } } } })
  assert.equal(steps.onUpstreamResponse, undefined)
  const exchange = exchangeOf({})
  onResponse(steps, exchange)
  assert.equal(exchange.response.headers.get('X-A'), '1')
})
