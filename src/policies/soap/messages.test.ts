/** Requests and answers: what is refused, what the service is sent, and what clients get. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Bench, echoOf, envelope, wsdlOf } from './testing.ts'

const ECHO = echoOf(
  '<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="n" type="xs:string" minOccurs="0" maxOccurs="3"/></xs:sequence><xs:attribute name="k" type="xs:int"/>',
)
const ONE = '<t:out><t:a>1</t:a></t:out>'

test('a request has the method and the path of an operation', async () => {
  const bench = await Bench.of(ECHO, { basePath: '/v1', operations: { Op: { method: 'PUT', path: '/op/:a' } } })
  assert.match(bench.sent('PUT /v1/op/5'), /<n0:a>5<\/n0:a>/)
  assert.equal(bench.refused('PUT /op/5'), 'route_not_found')
  assert.equal(bench.refused('PUT /v1/op/5/'), 'route_not_found')
  assert.equal(bench.refused('PUT /v1/op/'), 'route_not_found')
  assert.equal(bench.refused('PUT /v1op/5'), 'route_not_found')
  const { verdict } = bench.request('GET /v1/op/5')
  assert.ok(verdict !== undefined && !Buffer.isBuffer(verdict))
  assert.deepEqual([verdict.code, verdict.headers], ['method_not_allowed', [['Allow', 'PUT']]])
})

test('path and query give members of the input, once each', async () => {
  const bench = await Bench.of(ECHO, { operations: { Op: { path: '/op/:a' } } })
  assert.match(
    bench.sent('POST /op/%35?n=x%2Fy&n=a+b%2B&%40k=3'),
    /<n0:in k="3"><n0:a>5<\/n0:a><n0:n>x\/y<\/n0:n><n0:n>a b\+<\/n0:n><\/n0:in>/,
  )
  assert.match(bench.sent('POST /op/5?n=x', { '@k': 1 }), /<n0:in k="1"><n0:a>5<\/n0:a><n0:n>x<\/n0:n>/)
  assert.deepEqual(bench.refused('POST /op/5?n=x', { a: 5, n: [] }), [
    'body /a is given by path or query already',
    'body /n is given by path or query already',
  ])
  assert.deepEqual(bench.refused('POST /op/x?a=1&z=2&n=%ff&%40k=1&%40k=2'), [
    'path /a is no number',
    'query /z is not allowed here',
    'query /n is not percent-encoded UTF-8',
    'query /@k stands twice',
  ])
  assert.deepEqual(bench.refused('POST /op/5?a=6'), ['query /a stands twice'])
})

test('GET and DELETE have no body, and what lacks is told of the query', async () => {
  const bench = await Bench.of(ECHO, { operations: { Op: { method: 'GET', path: '/op' } } })
  assert.match(bench.sent('GET /op?a=1'), /<n0:a>1/)
  assert.deepEqual(bench.refused('GET /op'), ['query /a is required'])
  assert.deepEqual(bench.refused('GET /op?a=1', {}), ['body  is not allowed here'])
  const { exchange } = bench.request('GET /op?a=1')
  assert.equal(exchange.request.headers.get('Content-Type'), 'text/xml; charset=utf-8')
  assert.ok(exchange.requestBody)
})

test('a body is JSON in UTF-8, as it is', async () => {
  const bench = await Bench.of(ECHO)
  const typed = (type: string, more: readonly (readonly [string, string])[] = []): unknown =>
    bench.request('POST /Op', { a: 1 }, { headers: [['Content-Type', type], ...more] }).verdict
  for (const type of ['application/json', 'application/json;charset="UTF-8"', 'application/vnd.x+json'])
    assert.ok(Buffer.isBuffer(typed(type)), type)
  for (const type of [
    'text/xml',
    'application/soap+xml',
    'application/json;charset=latin1',
    'text/plain',
    '',
    'application/json, text/xml',
  ]) {
    assert.equal(bench.refused('POST /Op', { a: 1 }, { headers: [['Content-Type', type]] }), 'request_media_type_unsupported', type)
  }
  const gzip = { headers: [['Content-Type', 'application/json'] as const, ['Content-Encoding', 'gzip'] as const] }
  assert.equal(bench.refused('POST /Op', { a: 1 }, gzip), 'request_media_type_unsupported')
  assert.deepEqual(bench.refused('POST /Op', '{"a":1,"a":2}'), ['body /a stands twice in its object'])
  assert.deepEqual(bench.refused('POST /Op', '{'), ['body  is not valid JSON'])
  assert.deepEqual(bench.refused('POST /Op', '[]'), ['body  must be of type object'])
  assert.deepEqual(bench.refused('POST /Op', '1e999'), ['body  must be of type object'])
  assert.deepEqual(bench.refused('POST /Op', `{"a":${'['.repeat(65)}${']'.repeat(65)}}`), ['body  is nested deeper than 64 levels'])
})

test('all that does not fit is told at once, twenty at most', async () => {
  const bench = await Bench.of(ECHO)
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x${i}`, 1]))
  const { verdict } = bench.request('POST /Op', many)
  assert.ok(verdict !== undefined && !Buffer.isBuffer(verdict))
  const { violations, violationsOmitted } = verdict.members as { violations: unknown[]; violationsOmitted: number }
  assert.deepEqual([violations.length, violationsOmitted], [20, 80])
})

test('an envelope that grows too large is refused', async () => {
  const long = 'n'.repeat(200)
  const files = echoOf(`<xs:sequence><xs:element name="${long}" type="xs:int" maxOccurs="unbounded"/></xs:sequence>`)
  const bench = await Bench.of(files, { bodyBytesMax: 1_000 })
  assert.equal(bench.refused('POST /Op', { [long]: Array.from({ length: 300 }, () => 1) }), 'request_body_too_large')
  assert.ok(bench.sent('POST /Op', { [long]: [1, 2] }).length > 800)
})

test('fields that speak of the request stay behind', async () => {
  const bench = await Bench.of(ECHO)
  const headers = [
    ['Content-Type', 'application/json'],
    ['SOAPAction', '"evil"'],
    ['Range', 'bytes=0-1'],
    ['If-None-Match', '"a"'],
    ['Content-Digest', 'sha-256=:x:'],
    ['Accept', 'application/json'],
    ['Accept-Encoding', 'gzip, x-new'],
    ['X-Own', '1'],
  ] as const
  const { exchange } = bench.request('POST /Op', { a: 1 }, { headers })
  assert.deepEqual(exchange.request.headers.toPairs(), [
    ['accept', 'application/json'],
    ['x-own', '1'],
    ['content-type', 'text/xml; charset=utf-8'],
    ['soapaction', '"urn:t#Op"'],
    ['accept-encoding', 'gzip'],
  ])
  // Of a refusal the client's own field says the form.
  const mark = exchange.request.headers.mark()
  bench.steps.onAttempt?.(exchange, { number: 1, target: '', startedAt: 0, endedAt: 0, status: 0, error: null })
  assert.equal(exchange.request.headers.get('Accept'), 'text/xml')
  exchange.request.headers.restore(mark)
  assert.equal(exchange.request.headers.get('Accept'), 'application/json')
})

test('an answer is JSON, whatever fields it had', async () => {
  const bench = await Bench.of(ECHO)
  const { exchange } = bench.request('POST /Op', { a: 1 })
  const body = gzipSync(envelope(ONE))
  const answered = await bench.answered(exchange, {
    body,
    headers: [
      ['Content-Encoding', 'gzip'],
      ['ETag', '"x"'],
      ['X-Own', '1'],
    ],
  })
  assert.deepEqual(answered.json, { a: 1 })
  assert.deepEqual(exchange.response.headers.toPairs(), [
    ['x-own', '1'],
    ['content-type', 'application/json'],
  ])
})

test('answers are read kindly where nothing is lost, and strictly where it is', async () => {
  const bench = await Bench.of(ECHO)
  const { exchange } = bench.request('POST /Op', { a: 1 })
  const asked = async (body: string): Promise<unknown> => {
    const { json, refusal } = await bench.answered(exchange, { body: envelope(body) })
    return refusal ?? json
  }
  assert.deepEqual(await asked('<t:out z="1"><t:n>x</t:n><t:other><b/></t:other>text<t:a> 1 </t:a></t:out>'), { a: 1, n: ['x'] })
  for (const wrong of [
    '<t:out/>',
    '<t:out><a>1</a></t:out>',
    '<t:out><t:a>x</t:a></t:out>',
    '<t:out><t:a/></t:out>',
    '<t:out><t:a xsi:nil="true"/></t:out>',
    '<t:out><t:a>1</t:a><t:a>2</t:a></t:out>',
    '<t:out><t:a><b/></t:a></t:out>',
    '<t:out k="x"><t:a>1</t:a></t:out>',
    '<t:else><t:a>1</t:a></t:else>',
    '',
  ]) {
    assert.equal(await asked(wrong), 'upstream_body_invalid', wrong)
  }
})

test('an answer that is no SOAP is 502, and an error without a fault is what it was', async () => {
  const bench = await Bench.of(ECHO)
  const answer = async (given: Parameters<Bench['answered']>[1]): Promise<string> => {
    const { exchange } = bench.request('POST /Op', { a: 1 })
    const { status, refusal, text } = await bench.answered(exchange, given)
    return refusal ?? `${status} ${text}`
  }
  const whole = envelope(ONE)
  for (const given of [
    { type: 'text/html', body: '<html/>' },
    { type: '', body: whole },
    { type: 'text/xml', body: '<html/>' },
    { type: 'text/xml', body: '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>' },
    { type: 'text/xml', body: whole.slice(0, -5) },
    { type: 'text/xml', body: `<?xml version="1.0" encoding="koi8-r"?>${whole}` },
    { type: 'text/xml; charset=koi8-r', body: whole },
    { type: 'text/xml', body: '' },
    { type: 'text/xml', body: whole.replace('/envelope/', '/envelope2/') },
    { type: 'text/xml', body: whole.replace('<s:Body>', '<s:Body/><s:Body>') },
    { type: 'text/xml', body: gzipSync(whole).subarray(0, 20), headers: [['Content-Encoding', 'gzip'] as const] },
    { type: 'text/xml', body: whole, headers: [['Content-Encoding', 'compress'] as const] },
    { status: 302, type: 'text/html', body: 'there' },
    { status: 204, type: '' },
  ]) {
    assert.equal(await answer(given), 'upstream_body_invalid', JSON.stringify(given))
  }
  assert.equal(await answer({ status: 503, type: 'text/html', body: 'down' }), '503 down')
  assert.equal(await answer({ status: 500, type: 'text/xml', body: '<oops/>' }), '500 <oops/>')
  assert.equal(await answer({ status: 500, type: 'text/xml', body: whole }), `500 ${whole}`)
  assert.equal(await answer({ status: 404, type: '' }), '404 ')
  const { exchange: failed } = bench.request('POST /Op', { a: 1 })
  await bench.answered(failed, { status: 500, type: 'text/xml', body: '<oops/>' })
  assert.equal(failed.response.headers.get('Content-Type'), 'text/xml')
  const bomb = await Bench.of(ECHO, { bodyBytesMax: 10_000 })
  const { exchange } = bomb.request('POST /Op', { a: 1 })
  const big = { body: gzipSync(envelope(' '.repeat(200_000))), headers: [['Content-Encoding', 'gzip'] as const] }
  assert.equal((await bomb.answered(exchange, big)).refusal, 'upstream_body_too_large')
})

test('an operation that nothing comes back from is taken, or fails', async () => {
  const bench = await Bench.of({
    'a.wsdl': wsdlOf({
      schema: '<xs:element name="in" type="xs:int"/>',
      operation: '<input message="t:In"/>',
      messages: '<message name="In"><part name="p" element="t:in"/></message>',
    }),
  })
  const answer = async (given: Parameters<Bench['answered']>[1]): Promise<string> => {
    const { exchange } = bench.request('POST /Op', { in: 1 })
    const { status, refusal, text } = await bench.answered(exchange, given)
    return `${refusal ?? status} ${text}`
  }
  assert.equal(await answer({ status: 202, type: '' }), '202 ')
  assert.equal(await answer({ status: 204, type: '' }), '204 ')
  assert.equal(await answer({ status: 200, type: '' }), '202 ')
  assert.equal(await answer({ status: 200, body: envelope('') }), '202 ')
  assert.match(await answer({ status: 500, body: envelope('<s:Fault><faultcode>s:Client</faultcode></s:Fault>') }), /^400 \{/)
  assert.equal(await answer({ status: 200, type: 'text/plain', body: 'ok' }), 'upstream_body_invalid ')
})

const FAULTY = wsdlOf({
  schema:
    '<xs:element name="in" type="xs:int"/><xs:element name="out" type="xs:int"/><xs:element name="Missing"><xs:complexType><xs:sequence><xs:element name="id" type="xs:int"/></xs:sequence></xs:complexType></xs:element>',
  messages:
    '<message name="In"><part name="p" element="t:in"/></message><message name="Out"><part name="p" element="t:out"/></message><message name="F"><part name="f" element="t:Missing"/></message>',
  operation: '<input message="t:In"/><output message="t:Out"/><fault name="NotThere" message="t:F"/>',
})

test('faults become errors of HTTP: by their name, or by whom they blame', async () => {
  for (const faults of [{ NotThere: 404 }, { Missing: 404 }]) {
    const bench = await Bench.of({ 'a.wsdl': FAULTY }, { faults })
    const answer = async (fault: string, status = 500): Promise<unknown[]> => {
      const { exchange } = bench.request('POST /Op', { in: 1 })
      exchange.requestId = 'r1'
      const { status: told, json } = await bench.answered(exchange, { status, body: envelope(`<s:Fault>${fault}</s:Fault>`) })
      assert.equal(exchange.response.headers.get('Content-Type'), 'application/problem+json')
      return [told, json]
    }
    const problem = (status: number, title: string, detail: string, fault: unknown): unknown[] => [
      status,
      { type: 'about:blank', title, status, ...(detail !== '' && { detail }), code: 'soap_fault', requestId: 'r1', fault },
    ]
    assert.deepEqual(
      await answer(
        '<faultcode>s:Client.Db</faultcode><faultstring xml:lang="en"> no such\n  at x.y(z.java:1) </faultstring><detail><x/><t:Missing><t:id>5</t:id></t:Missing></detail>',
      ),
      problem(404, 'Not Found', 'no such', { code: 'Client.Db', reason: 'no such', name: 'NotThere', detail: { id: 5 } }),
    )
    // A detail that nobody declared may hold anything.
    assert.deepEqual(
      await answer('<faultcode>s:Client</faultcode><faultstring>no</faultstring><detail><stack>at h.internal</stack></detail>'),
      problem(400, 'Bad Request', 'no', { code: 'Client', reason: 'no' }),
    )
    assert.deepEqual(
      await answer(
        '<faultcode>s:Server</faultcode><faultstring>no</faultstring><detail><t:Missing><t:id>x</t:id></t:Missing></detail>',
        200,
      ),
      problem(404, 'Not Found', 'no', { code: 'Server', reason: 'no', name: 'NotThere' }),
    )
    assert.deepEqual(await answer('<faultcode>s:Server</faultcode>'), problem(502, 'Bad Gateway', '', { code: 'Server', reason: '' }))
    assert.deepEqual((await answer('<faultcode>s:VersionMismatch</faultcode>'))[0], 400)
    assert.deepEqual((await answer('<faultcode>own</faultcode>'))[0], 502)
  }
})

test('faults of SOAP 1.2 tell code, subcode and reason', async () => {
  const bench = await Bench.of({ 'a.wsdl': FAULTY.replace('wsdl/soap/"', 'wsdl/soap12/"') })
  const { exchange } = bench.request('POST /Op', { in: 1 })
  const fault = `<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>t:Outer</s:Value><s:Subcode><s:Value>t:Inner</s:Value></s:Subcode></s:Subcode></s:Code>
    <s:Reason><s:Text xml:lang="en">why</s:Text><s:Text xml:lang="de">warum</s:Text></s:Reason><s:Detail><t:Missing><t:id>1</t:id></t:Missing></s:Detail></s:Fault>`
  const body = envelope(fault, 'http://www.w3.org/2003/05/soap-envelope')
  const { status, json } = await bench.answered(exchange, { status: 400, type: 'application/soap+xml; charset=utf-8', body })
  assert.equal(status, 400)
  assert.deepEqual((json as { fault: unknown }).fault, {
    code: 'Sender',
    subcode: 'Inner',
    reason: 'why',
    name: 'NotThere',
    detail: { id: 1 },
  })
})

test('a UsernameToken shows the password, or a digest that is new each time', async () => {
  const username = 'a<b'
  const password = 's&cret'
  const text = await Bench.of(ECHO, { usernameToken: { username, password } })
  assert.match(
    text.sent('POST /Op', { a: 1 }),
    /<soap:Header><wsse:Security .*soap:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>a&lt;b<\/wsse:Username><wsse:Password Type="[^"]*#PasswordText">s&amp;cret</,
  )
  const digest = await Bench.of(ECHO, { usernameToken: { username, password, type: 'digest' } })
  const seen = new Set<string>()
  for (let round = 0; round < 2; round++) {
    const sent = digest.sent('POST /Op', { a: 1 })
    const [, shown = '', nonce = '', created = ''] =
      /#PasswordDigest">([^<]*)<.*<wsse:Nonce[^>]*>([^<]*)<.*<wsu:Created>([^<]*)</.exec(sent) ?? []
    const expected = createHash('sha1')
      .update(Buffer.from(nonce, 'base64'))
      .update(created + password)
      .digest('base64')
    assert.equal(shown, expected)
    assert.ok(!sent.includes('cret<'))
    seen.add(nonce)
  }
  assert.equal(seen.size, 2)
})
