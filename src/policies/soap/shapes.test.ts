/** Shapes of WSDLs: what JSON becomes, and that it comes back the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bench, echoed, echoOf, envelope, type Files, wsdlOf } from './testing.ts'

/** What stands in the body of an envelope. */
function bodyOf(sent: string): string {
  return /<soap:Body>(.*)<\/soap:Body>/s.exec(sent)?.[1] ?? ''
}

/** Sends JSON to the operation of an echo, and gives the body that goes out; asserts that the same comes back. */
async function echo(files: Files, json: unknown): Promise<string> {
  const bench = await Bench.of(files)
  const sent = bench.sent('POST /Op', json)
  const { exchange } = bench.request('POST /Op', json)
  const answered = await bench.answered(exchange, { body: echoed(sent) })
  assert.deepEqual([answered.status, answered.json], [200, json])
  return bodyOf(sent)
}

test('document/literal wrapped: the element is what the operation takes, its content what JSON says', async () => {
  const files = echoOf(
    '<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:string" minOccurs="0"/></xs:sequence>',
  )
  assert.equal(await echo(files, { a: 1, b: '<&"\r>' }), '<n0:in><n0:a>1</n0:a><n0:b>&lt;&amp;"&#13;&gt;</n0:b></n0:in>')
  const bench = await Bench.of(files)
  // The order of elements is the schema's.
  assert.equal(bodyOf(bench.sent('POST /Op', { b: '', a: 2 })), '<n0:in><n0:a>2</n0:a><n0:b/></n0:in>')
  const { exchange } = bench.request('POST /Op', { a: 1 })
  assert.deepEqual([exchange.forward.path, exchange.forward.method, exchange.forward.query], ['/svc', 'POST', ''])
  assert.deepEqual(
    ['content-type', 'soapaction'].map((name) => exchange.request.headers.get(name)),
    ['text/xml; charset=utf-8', '"urn:t#Op"'],
  )
})

test('document/literal bare: an element that holds a text is the one member of an object', async () => {
  const schema = '<xs:element name="in" type="xs:decimal"/><xs:element name="out" type="xs:decimal"/>'
  const files = { 'a.wsdl': wsdlOf({ schema }) }
  const bench = await Bench.of(files)
  const sent = bench.sent('POST /Op', '{"in":12.50}')
  assert.equal(bodyOf(sent), '<n0:in>12.50</n0:in>')
  assert.equal((await bench.answer('POST /Op', '<t:out>1.50</t:out>')).refusal, null)
  const get = await Bench.of(files, { operations: { Op: { method: 'GET', path: '/op/:in' } } })
  assert.equal(bodyOf(get.sent('GET /op/7')), '<n0:in>7</n0:in>')
  assert.equal((await get.answer('GET /op/7', '<t:out> 007.50 </t:out>')).text, '{"out":7.50}')
})

test('rpc/literal: one element named after the operation, its parts in no namespace, whatever the answer is called', async () => {
  const schema = '<xs:complexType name="C"><xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:complexType>'
  const messages =
    '<message name="In"><part name="a" type="xs:string"/><part name="c" type="t:C"/></message><message name="Out"><part name="r" type="t:C"/></message>'
  const bench = await Bench.of({ 'a.wsdl': wsdlOf({ schema, messages, style: 'rpc' }) })
  assert.equal(bodyOf(bench.sent('POST /Op', { a: 'q', c: { x: 1 } })), '<n0:Op><a>q</a><c><n0:x>1</n0:x></c></n0:Op>')
  assert.deepEqual((await bench.answer('POST /Op', '<t:OpResponse><r><t:x>1</t:x></r></t:OpResponse>')).refusal, null)
  const { exchange } = bench.request('POST /Op', { a: 'q', c: { x: 1 } })
  const answered = await bench.answered(exchange, { body: envelope('<Whatever><r><t:x>5</t:x></r></Whatever>') })
  assert.deepEqual(answered.json, { r: { x: 5 } })
  const named = await bench.answered(exchange, { body: envelope('<t:OpResponse><t:r><t:x>5</t:x></t:r></t:OpResponse>') })
  assert.deepEqual(named.json, { r: { x: 5 } })
  assert.deepEqual(bench.refused('POST /Op', {}), ['body /a is required', 'body /c is required'])
})

test('SOAP 1.2 has its own namespace, media type and action', async () => {
  const { 'a.wsdl': written = '' } = echoOf('<xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence>', '', { version: '1.2' })
  const bench = await Bench.of({ 'a.wsdl': written })
  const { exchange, verdict } = bench.request('POST /Op', { a: 1 })
  assert.ok(Buffer.isBuffer(verdict))
  assert.match(verdict.toString(), /<soap:Envelope xmlns:soap="http:\/\/www\.w3\.org\/2003\/05\/soap-envelope"/)
  assert.equal(exchange.request.headers.get('Content-Type'), 'application/soap+xml; charset=utf-8; action="urn:t#Op"')
  assert.equal(exchange.request.headers.has('SOAPAction'), false)
  const body = envelope('<t:out><t:a>1</t:a></t:out>', 'http://www.w3.org/2003/05/soap-envelope')
  assert.deepEqual((await bench.answered(exchange, { type: 'application/soap+xml', body })).json, { a: 1 })
})

test('local names belong to the namespace that form and the schema say', async () => {
  const content =
    '<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" form="qualified"/></xs:sequence><xs:attribute name="c" type="xs:int"/><xs:attribute name="d" type="xs:int" form="qualified"/>'
  assert.equal(
    await echo(echoOf(content, '', { form: '' }), { '@c': 3, '@d': 4, a: 1, b: 2 }),
    '<n0:in c="3" n0:d="4"><a>1</a><n0:b>2</n0:b></n0:in>',
  )
})

test('several schemas, imported and included from files, each with its namespace; one without takes that of who includes it', async () => {
  const types = `<types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified"><xs:import namespace="urn:u" schemaLocation="u/u.xsd"/>
    <xs:include schemaLocation="./lent%20one.xsd"/>
    <xs:element name="in" type="t:Both"/><xs:element name="out" type="t:Both"/></xs:schema></types>`
  const wsdl = wsdlOf({ schema: '' }).replace(/<types>.*<\/types>/s, types)
  const u = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:u" xmlns="urn:u" elementFormDefault="qualified">
    <xs:include schemaLocation="more.xsd"/><xs:element name="name" type="Name"/></xs:schema>`
  const more = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:u"><xs:include schemaLocation="u.xsd"/>
    <xs:simpleType name="Name"><xs:restriction base="xs:string"><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:schema>`
  const lent = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified" xmlns:u="urn:u"><xs:import namespace="urn:u" schemaLocation="u/u.xsd"/>
    <xs:complexType name="Both"><xs:sequence><xs:element name="name" type="Own"/><xs:element ref="u:name"/></xs:sequence></xs:complexType>
    <xs:simpleType name="Own"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>`
  const files = { 'a.wsdl': wsdl, 'u/u.xsd': u, 'u/more.xsd': more, 'lent one.xsd': lent }
  const sent = await echo(files, { name: 1, '{urn:u}name': 'abc' })
  assert.equal(sent, '<n0:in><n0:name>1</n0:name><n1:name>abc</n1:name></n0:in>')
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', { name: 1, '{urn:u}name': 'abcd' }), ['body /{urn:u}name must have at most 3 characters'])
})

test('the WSDL itself may be in several files', async () => {
  const whole = wsdlOf({ schema: '<xs:element name="in" type="xs:int"/><xs:element name="out" type="xs:int"/>' })
  const service = /<service.*<\/service>/s.exec(whole)?.[0] ?? ''
  const head = whole.slice(0, whole.indexOf('<types>'))
  const outer = `${head.replace('targetNamespace="urn:t"', 'targetNamespace="urn:outer"')}<import namespace="urn:t" location="parts/inner.wsdl"/>${service}</definitions>`
  const bench = await Bench.of({ 'a.wsdl': outer, 'parts/inner.wsdl': whole.replace(service, '') })
  assert.equal(bodyOf(bench.sent('POST /Op', { in: 5 })), '<n0:in>5</n0:in>')
})

test('attributes, with defaults and fixed values, and text beside them', async () => {
  const schema = `<xs:attributeGroup name="G"><xs:attribute name="id" type="xs:ID" use="required"/><xs:attribute ref="xml:lang"/></xs:attributeGroup>
    <xs:complexType name="P"><xs:simpleContent><xs:extension base="xs:decimal"><xs:attributeGroup ref="t:G"/>
    <xs:attribute name="unit" type="xs:string" default="kg"/><xs:attribute name="v" type="xs:int" fixed="1"/></xs:extension></xs:simpleContent></xs:complexType>`
  const files = echoOf('<xs:sequence><xs:element name="p" type="t:P"/></xs:sequence>', schema)
  const p = { '@id': 'x', '@lang': 'de', '@unit': 't', '@v': 1, $value: 5 }
  assert.equal(await echo(files, { p }), '<n0:in><n0:p id="x" xml:lang="de" unit="t" v="1">5</n0:p></n0:in>')
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', { p: { '@v': 2, '@w': 1 } }), [
    'body /p/@w is not allowed here',
    'body /p/@id is required',
    'body /p/@v must be "1"',
    'body /p/$value is required',
  ])
  const { exchange } = bench.request('POST /Op', { p })
  const answered = await bench.answered(exchange, { body: envelope('<t:out><t:p id="x" other="1">5</t:p></t:out>') })
  assert.deepEqual(answered.json, { p: { '@id': 'x', '@unit': 'kg', '@v': 1, $value: 5 } })
})

test('a choice takes the members of one alternative', async () => {
  const content = `<xs:choice><xs:element name="a" type="xs:int"/>
    <xs:sequence><xs:element name="b" type="xs:int"/><xs:element name="c" type="xs:int" minOccurs="0"/></xs:sequence>
    <xs:sequence><xs:element name="b" type="xs:int"/><xs:element name="d" type="xs:int"/></xs:sequence></xs:choice>`
  const files = echoOf(content)
  assert.equal(await echo(files, { a: 1 }), '<n0:in><n0:a>1</n0:a></n0:in>')
  assert.equal(await echo(files, { b: 1, c: 2 }), '<n0:in><n0:b>1</n0:b><n0:c>2</n0:c></n0:in>')
  assert.equal(await echo(files, { d: 1, b: 2 }), '<n0:in><n0:b>2</n0:b><n0:d>1</n0:d></n0:in>')
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', {}), ['body  must have one of a, b, c, b, d'])
  assert.deepEqual(bench.refused('POST /Op', { a: 1, b: 2 }), ['body  has members that do not go together: a, b'])
  assert.deepEqual(bench.refused('POST /Op', { c: 1 }), ['body /b is required'])
})

test('a group of several that repeats is a list of objects; one of a single element an array', async () => {
  const content = `<xs:sequence>
    <xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:choice>
    <xs:sequence maxOccurs="3"><xs:element name="k" type="xs:string"/><xs:element name="v" type="xs:int" minOccurs="0" maxOccurs="2"/></xs:sequence>
    <xs:sequence maxOccurs="2"><xs:element name="n" type="xs:int" maxOccurs="2"/></xs:sequence></xs:sequence>`
  const files = echoOf(content)
  const json = { $items: [{ b: 1 }, { a: 2 }, { b: 3 }], $items2: [{ k: 'x', v: [1, 2] }, { k: 'y' }], n: [1, 2, 3] }
  assert.equal(
    await echo(files, json),
    '<n0:in><n0:b>1</n0:b><n0:a>2</n0:a><n0:b>3</n0:b><n0:k>x</n0:k><n0:v>1</n0:v><n0:v>2</n0:v><n0:k>y</n0:k><n0:n>1</n0:n><n0:n>2</n0:n><n0:n>3</n0:n></n0:in>',
  )
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', { $items: [{ a: 1, b: 2 }, { c: 1 }, 5], n: [1, 2, 3, 4, 5] }), [
    'body /$items/0 has members that do not go together: a, b',
    'body /$items/1/c is not allowed here',
    'body /$items/1 must have one of a, b',
    'body /$items/2 must be of type object',
    'body /$items2 is required',
    'body /n must have at most 4 items',
  ])
})

test('an optional group is there as a whole or not at all', async () => {
  const content = '<xs:sequence minOccurs="0"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:sequence>'
  assert.equal(await echo(echoOf(content), {}), '<n0:in/>')
  const bench = await Bench.of(echoOf(content))
  assert.deepEqual(bench.refused('POST /Op', { a: 1 }), ['body /b is required'])
})

test('an element may stand in two places of a sequence', async () => {
  const content =
    '<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/><xs:element name="a" type="xs:int" minOccurs="0"/></xs:sequence>'
  assert.equal(await echo(echoOf(content), { a: [1, 3], b: 2 }), '<n0:in><n0:a>1</n0:a><n0:b>2</n0:b><n0:a>3</n0:a></n0:in>')
})

test('all, and groups that are referred to', async () => {
  const schema =
    '<xs:group name="G"><xs:all><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int" minOccurs="0"/></xs:all></xs:group>'
  const files = echoOf('<xs:group ref="t:G"/>', schema)
  assert.equal(await echo(files, { b: 1, a: 2 }), '<n0:in><n0:a>2</n0:a><n0:b>1</n0:b></n0:in>')
})

test('types that derive take the place of their base when they are named', async () => {
  const schema = `<xs:complexType name="Shape" abstract="true"><xs:sequence><xs:element name="name" type="xs:string"/></xs:sequence></xs:complexType>
    <xs:complexType name="Circle"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence><xs:element name="r" type="xs:int"/></xs:sequence><xs:attribute name="x" type="xs:int"/></xs:extension></xs:complexContent></xs:complexType>
    <xs:complexType name="Disc"><xs:complexContent><xs:restriction base="t:Circle"><xs:sequence><xs:element name="name" type="xs:string"/><xs:element name="r" type="xs:int" fixed="1"/></xs:sequence><xs:attribute name="x" use="prohibited"/></xs:restriction></xs:complexContent></xs:complexType>`
  const files = echoOf(
    '<xs:sequence><xs:element name="s" type="t:Shape" maxOccurs="9"/><xs:element name="c" type="t:Circle" minOccurs="0"/></xs:sequence>',
    schema,
  )
  const json = {
    s: [
      { $type: 'Circle', '@x': 2, name: 'a', r: 1 },
      { $type: 'Disc', name: 'b', r: 1 },
    ],
    c: { name: 'c', r: 3 },
  }
  assert.equal(
    await echo(files, json),
    '<n0:in><n0:s xsi:type="n0:Circle" x="2"><n0:name>a</n0:name><n0:r>1</n0:r></n0:s><n0:s xsi:type="n0:Disc"><n0:name>b</n0:name><n0:r>1</n0:r></n0:s><n0:c><n0:name>c</n0:name><n0:r>3</n0:r></n0:c></n0:in>',
  )
  const bench = await Bench.of(files)
  assert.deepEqual(
    bench.refused('POST /Op', { s: [{ name: 'a' }, { $type: 'xs:string', name: 'b' }, { $type: 'Disc', '@x': 1, name: '', r: 2 }] }),
    [
      'body /s/0/$type must name a type in `$type`',
      'body /s/1/$type must be one of "Circle", "Disc"',
      'body /s/2/@x is not allowed here',
      'body /s/2/r must be "1"',
    ],
  )
  const { exchange } = bench.request('POST /Op', json)
  const alien = envelope('<t:out><t:s xsi:type="xs:string">x</t:s></t:out>')
  assert.equal((await bench.answered(exchange, { body: alien })).refusal, 'upstream_body_invalid')
})

test('types refer to themselves', async () => {
  const schema =
    '<xs:element name="node"><xs:complexType><xs:sequence><xs:element name="v" type="xs:int"/><xs:element ref="t:node" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>'
  const files = echoOf('<xs:sequence><xs:element ref="t:node"/></xs:sequence>', schema)
  const json = { node: { v: 1, node: [{ v: 2 }, { v: 3, node: [{ v: 4 }] }] } }
  assert.match(await echo(files, json), /^<n0:in><n0:node><n0:v>1<\/n0:v><n0:node><n0:v>2<\/n0:v><\/n0:node>/)
})

test('null is nil where the element is nillable, and an array is one even with one item', async () => {
  const files = echoOf(
    '<xs:sequence><xs:element name="a" type="xs:int" nillable="true" maxOccurs="3"/><xs:element name="b" minOccurs="0" nillable="true"><xs:complexType><xs:sequence/></xs:complexType></xs:element></xs:sequence>',
  )
  assert.equal(await echo(files, { a: [null], b: null }), '<n0:in><n0:a xsi:nil="true"/><n0:b xsi:nil="true"/></n0:in>')
  assert.equal(await echo(files, { a: [1, null, 2], b: {} }), '<n0:in><n0:a>1</n0:a><n0:a xsi:nil="true"/><n0:a>2</n0:a><n0:b/></n0:in>')
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', { a: [] }), ['body /a must have at least 1 items'])
  assert.deepEqual(bench.refused('POST /Op', { a: null }), ['body /a must be of type array'])
})

test('substitution groups are a choice of their elements', async () => {
  const schema = `<xs:element name="pay" abstract="true" type="xs:string"/><xs:element name="cash" substitutionGroup="t:pay"/>
    <xs:element name="card" substitutionGroup="t:pay"/><xs:element name="visa" type="xs:token" substitutionGroup="t:card"/>`
  const one = echoOf('<xs:sequence><xs:element ref="t:pay"/></xs:sequence>', schema)
  assert.equal(await echo(one, { visa: 'x' }), '<n0:in><n0:visa>x</n0:visa></n0:in>')
  const many = echoOf('<xs:sequence><xs:element ref="t:pay" maxOccurs="unbounded"/></xs:sequence>', schema)
  assert.equal(
    await echo(many, { $items: [{ card: 'a' }, { cash: 'b' }, { card: 'c' }] }),
    '<n0:in><n0:card>a</n0:card><n0:cash>b</n0:cash><n0:card>c</n0:card></n0:in>',
  )
})

test('what the schema does not say is XML, and can reach nothing around it', async () => {
  const content = `<xs:sequence><xs:element name="t"><xs:complexType mixed="true"><xs:sequence><xs:element name="b" type="xs:string"/></xs:sequence><xs:attribute name="k" type="xs:int"/></xs:complexType></xs:element>
    <xs:element name="o" maxOccurs="9" nillable="true"/><xs:any minOccurs="0" maxOccurs="unbounded"/></xs:sequence>`
  const files = echoOf(content)
  const json = {
    t: { '@k': 1, $xml: 'a <b xmlns="urn:x">c</b> d' },
    o: ['s', true, 5, null, { $xml: '<p:x xmlns:p="urn:p" p:y="1"/>' }],
    $any: ['<e/>', '<q:f xmlns:q="urn:q"><q:g/></q:f>'],
  }
  const sent = await echo(files, json)
  assert.equal(
    sent,
    '<n0:in><n0:t k="1">a <b xmlns="urn:x">c</b> d</n0:t><n0:o xsi:type="n1:string">s</n0:o><n0:o xsi:type="n1:boolean">true</n0:o><n0:o xsi:type="n1:decimal">5</n0:o><n0:o xsi:nil="true"/><n0:o><p:x xmlns:p="urn:p" p:y="1"/></n0:o><e/><q:f xmlns:q="urn:q"><q:g/></q:f></n0:in>',
  )
  const bench = await Bench.of(files)
  const hostile = ['</n0:t><x/>', '<a>', '<!DOCTYPE x><a/>', '<?p x?>', '&e;', '<p:a/>', '<a b="1" b="2"/>', '\u0000', '</x><x>', ']]>']
  for (const xml of hostile) {
    assert.deepEqual(bench.refused('POST /Op', { t: { $xml: xml }, o: ['a'], $any: [xml] }), [
      'body /t/$xml must be well-formed XML',
      'body /$any/0 must be one element as XML',
    ])
  }
  assert.deepEqual(bench.refused('POST /Op', { t: {}, o: ['a'], $any: ['text', '<a/><b/>', 5, ''] }).length, 4)
})

test('anyType holds objects of types that are named', async () => {
  const schema = '<xs:complexType name="C"><xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:complexType>'
  const files = echoOf(
    '<xs:sequence><xs:element name="o" type="xs:anyType"/><xs:element name="c" type="t:C" minOccurs="0"/></xs:sequence>',
    schema,
  )
  assert.equal(await echo(files, { o: { $type: 'C', x: 1 } }), '<n0:in><n0:o xsi:type="n0:C"><n0:x>1</n0:x></n0:o></n0:in>')
  const bench = await Bench.of(files)
  assert.deepEqual(bench.refused('POST /Op', { o: { $type: 'toString' } }), ['body /o/$type must name a type of this API'])
  const { exchange } = bench.request('POST /Op', { o: 1 })
  const answered = await bench.answered(exchange, { body: envelope('<t:out><t:o xsi:type="xs:double">NaN</t:o></t:out>') })
  assert.deepEqual(answered.json, { o: 'NaN' })
})

test('members of any name are members: none reaches a prototype', async () => {
  const content =
    '<xs:sequence><xs:element name="__proto__" type="xs:int" minOccurs="0"/><xs:element name="constructor" type="xs:int" minOccurs="0"/></xs:sequence>'
  const bench = await Bench.of(echoOf(content))
  assert.equal(bodyOf(bench.sent('POST /Op', '{"__proto__":1}')), '<n0:in><n0:__proto__>1</n0:__proto__></n0:in>')
  assert.equal(bodyOf(bench.sent('POST /Op', '{}')), '<n0:in/>')
  const { exchange } = bench.request('POST /Op', '{}')
  const { text } = await bench.answered(exchange, { body: envelope('<t:out><t:__proto__>2</t:__proto__></t:out>') })
  assert.equal(text, '{"__proto__":2}')
  const other = await Bench.of(echoOf('<xs:sequence/>'))
  assert.deepEqual(other.refused('POST /Op', '{"__proto__":{"a":1},"toString":1}'), [
    'body /__proto__ is not allowed here',
    'body /toString is not allowed here',
  ])
})

test('header blocks that the binding declares may be given', async () => {
  const schema = '<xs:element name="in" type="xs:int"/><xs:element name="out" type="xs:int"/><xs:element name="Session" type="xs:string"/>'
  const messages =
    '<message name="In"><part name="p" element="t:in"/><part name="h" element="t:Session"/></message><message name="Out"><part name="p" element="t:out"/></message>'
  const binding =
    '<input><soap:header message="t:In" part="h" use="literal"/><soap:body parts="p" use="literal"/></input><output><soap:body use="literal"/></output>'
  const bench = await Bench.of({ 'a.wsdl': wsdlOf({ schema, messages, binding }) })
  const sent = bench.sent('POST /Op', { in: 1, $header: { Session: 'abc' } })
  assert.match(sent, /<soap:Header><n0:Session>abc<\/n0:Session><\/soap:Header><soap:Body><n0:in>1<\/n0:in><\/soap:Body>/)
  assert.deepEqual(bench.refused('POST /Op', { in: 1, $header: { Other: 1, Session: 5 } }), [
    'body /$header/Other is not allowed here',
    'body /$header/Session must be of type string',
  ])
})
