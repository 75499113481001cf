/** What is read of a WSDL, and what is said of one that is wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soap } from './policy.ts'
import { echoOf, problemOf, resolved, wsdlOf } from './testing.ts'

const INT = '<xs:element name="in" type="xs:int"/><xs:element name="out" type="xs:int"/>'
const GOOD = wsdlOf({ schema: INT })

function wrong(schema: string): Promise<string> {
  return problemOf({ 'a.wsdl': wsdlOf({ schema: `${INT}${schema}` }) })
}

test('what is wrong is told with the file and the line', async () => {
  assert.equal(await problemOf({ 'a.wsdl': '<a>\n<b>\n</a>' }), '`a.wsdl`, line 3: is not well-formed: unexpected close tag')
  assert.equal(await problemOf({ 'a.wsdl': '<!DOCTYPE a><a/>' }), '`a.wsdl`, line 1: has a document type (DOCTYPE), which is not accepted')
  assert.equal(await problemOf({ 'a.wsdl': '\n<a/>' }), '`a.wsdl`, line 2: expected WSDL 1.1: `definitions`')
  assert.match(await problemOf({ 'a.wsdl': '<description xmlns="http://www.w3.org/ns/wsdl"/>' }), /WSDL 2\.0/)
  assert.equal(await problemOf({}), 'the file `a.wsdl` cannot be read: it is not there')
  assert.equal(
    await problemOf(echoOf('<xs:sequence>\n<xs:element name="a" type="t:None"/></xs:sequence>')),
    '`a.wsdl`, line 4: there is no type `None` in the namespace `urn:t`',
  )
  assert.equal(
    await problemOf(echoOf('<xs:sequence><xs:element name="a" type="q:X"/></xs:sequence>')),
    '`a.wsdl`, line 3: the prefix `q` is not declared',
  )
  assert.equal(
    await problemOf(echoOf('<xs:sequence><xs:element name="a" type="xs:X"/></xs:sequence>')),
    '`a.wsdl`, line 3: there is no type `X` in XML Schema',
  )
  assert.match(await wrong('<xs:element name="in" type="xs:int"/>'), /`in` is defined twice: also in `a\.wsdl`, line 3/)
  assert.match(await wrong('<xs:redefine schemaLocation="x.xsd"/>'), /`redefine` is not supported/)
})

test('types that lead in a circle, or contradict themselves, are told', async () => {
  const base = (name: string, of: string): string =>
    `<xs:complexType name="${name}"><xs:complexContent><xs:extension base="t:${of}"/></xs:complexContent></xs:complexType>`
  const use = (content: string, schema: string): Promise<string> => problemOf(echoOf(content, schema))
  const one = '<xs:sequence><xs:element name="a" type="t:A"/></xs:sequence>'
  assert.match(await use(one, base('A', 'B') + base('B', 'A')), /derives from itself/)
  assert.match(
    await use('<xs:group ref="t:G"/>', '<xs:group name="G"><xs:sequence><xs:group ref="t:G"/></xs:sequence></xs:group>'),
    /lead in a circle/,
  )
  assert.match(
    await use('<xs:attributeGroup ref="t:G"/>', '<xs:attributeGroup name="G"><xs:attributeGroup ref="t:G"/></xs:attributeGroup>'),
    /lead in a circle/,
  )
  assert.match(
    await use('<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="a" type="xs:string"/></xs:sequence>', ''),
    /`a` stands twice, with different types/,
  )
  assert.match(await use('<xs:sequence><xs:element name="a" type="xs:int" maxOccurs="x"/></xs:sequence>', ''), /`x` is no `maxOccurs`/)
  assert.match(
    await use(one, '<xs:simpleType name="A"><xs:restriction base="t:B"/></xs:simpleType><xs:complexType name="B"/>'),
    /`B` is no simple type/,
  )
})

test('files that are imported lie beside the WSDL, and are of the namespace that is said', async () => {
  const importing = (location: string): Promise<string> =>
    problemOf({
      'a.wsdl': wsdlOf({ schema: `<xs:import namespace="urn:u" schemaLocation="${location}"/>${INT}` }),
      'u.xsd': '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:v"/>',
      'x.xsd': '<a/>',
    })
  assert.match(
    await importing('http://h/u.xsd'),
    /line 3: `http:\/\/h\/u\.xsd` is not beside this file: put a copy there, and name it; nothing is fetched/,
  )
  assert.match(await importing('/etc/passwd'), /is not beside this file/)
  assert.match(await importing('file:///etc/passwd'), /is not beside this file/)
  assert.match(await importing('u.xsd'), /the imported schema is of another namespace: `urn:v`/)
  assert.match(await importing('x.xsd'), /`x\.xsd`, line 1: expected a schema/)
  assert.match(await importing('missing.xsd'), /the file `missing\.xsd` cannot be read/)
})

test('the port is the one that is named, or the first with SOAP over HTTP', async () => {
  const jms = GOOD.replace('http://schemas.xmlsoap.org/soap/http', 'http://cxf.apache.org/transports/jms')
  assert.match(await problemOf({ 'a.wsdl': jms }), /no port has a SOAP binding over HTTP/)
  assert.match(await problemOf({ 'a.wsdl': GOOD }, { port: 'Other' }), /there is no port `Other`/)
  assert.match(await problemOf({ 'a.wsdl': GOOD }, { service: 'Other' }), /there is no service `Other`/)
  const { model } = await resolved({ service: 'S', port: 'Port' }, { 'a.wsdl': GOOD })
  assert.deepEqual([model?.version, model?.endpoint], ['1.1', '/svc'])
  const endpoint = async (address: string, options = {}): Promise<unknown> =>
    (await resolved(options, { 'a.wsdl': wsdlOf({ schema: INT, address }) })).model?.endpoint
  assert.equal(await endpoint('https://h:8443/a/b?c=d'), '/a/b?c=d')
  assert.equal(await endpoint('http://h'), '/')
  assert.equal(await endpoint('http://h/a', { endpointPath: '/b?c' }), '/b?c')
})

test('what is not supported is told, and can be left out', async () => {
  const binding = (body: string): string => wsdlOf({ schema: INT, binding: body })
  const encoded = binding('<input><soap:body use="encoded"/></input><output><soap:body use="encoded"/></output>')
  assert.match(
    await problemOf({ 'a.wsdl': encoded }),
    /the use `encoded` is not supported, only `literal` is: leave the operation out with `expose`/,
  )
  const mime = binding('<input><m:multipartRelated xmlns:m="http://schemas.xmlsoap.org/wsdl/mime/"/></input><output><soap:body/></output>')
  assert.match(await problemOf({ 'a.wsdl': mime }), /attachments are not supported/)
  assert.match(
    await problemOf({ 'a.wsdl': wsdlOf({ schema: INT, operation: '<output message="t:Out"/>' }) }),
    /only request-response and one-way/,
  )
  const rpc = wsdlOf({ schema: INT, style: 'rpc' })
  assert.match(await problemOf({ 'a.wsdl': rpc }), /a part in rpc style has a `type`/)
  const array = echoOf(
    '<xs:sequence><xs:element name="a" type="t:A"/></xs:sequence>',
    '<xs:complexType name="A"><xs:complexContent><xs:restriction xmlns:e="http://schemas.xmlsoap.org/soap/encoding/" base="e:Array"/></xs:complexContent></xs:complexType>',
  )
  assert.match(await problemOf(array), /`Array` of SOAP's encoding is not supported/)
})

test('options that do not fit the WSDL are told', async () => {
  const files = echoOf(
    '<xs:sequence><xs:element name="id" type="xs:int"/><xs:element name="c"><xs:complexType/></xs:element></xs:sequence>',
  )
  assert.equal(await problemOf(files, { expose: ['Opp'] }), '`a.wsdl` has no operation `Opp` at this port; did you mean `Op`?')
  assert.equal(await problemOf(files, { operations: { X: {} } }), '`a.wsdl` has no operation `X` at this port; it has `Op`')
  assert.equal(await problemOf(files, { faults: { X: 404 } }), '`a.wsdl` declares no fault `X`')
  assert.equal(
    await problemOf(files, { operations: { Op: { path: '/x/:name' } } }),
    '`:name` is no member of the input of `Op` that a path can give: expected one of `id`',
  )
  assert.equal(
    await problemOf(files, { operations: { Op: { method: 'GET' } } }),
    '`Op` cannot be GET: its input must have `c`, which no parameter can give',
  )
  assert.equal(
    await problemOf(files, { usernameToken: { username: 'a', password: 'b\u0001' } }),
    'the `usernameToken` has a character that XML cannot carry',
  )
  const two = GOOD.replace(/(<operation name=")Op(">(?:(?!<\/operation>).)*<\/operation>)/gs, '$1Op$2$1Other$2')
  assert.equal(
    await problemOf({ 'a.wsdl': two }, { operations: { Op: { path: '/a/:in' }, Other: { path: '/a/:in' } } }),
    'the operations `Op` and `Other` have the same endpoint: `POST /a/:in`',
  )
})

test('a pattern that cannot be checked is left to the service, and that is said', async () => {
  const schema =
    '<xs:simpleType name="P"><xs:restriction base="xs:string"><xs:pattern value="[a-z-[aeiou]]+"/></xs:restriction></xs:simpleType>'
  const options = await resolved({}, echoOf('<xs:sequence><xs:element name="p" type="t:P"/></xs:sequence>', schema))
  const around = {
    optionsOf: () => undefined,
    authenticates: false,
    stores: new Set<never>(),
    consumers: new Set<string>(),
    clientCertificates: false,
  }
  assert.deepEqual(soap.review?.(options, around), [
    { severity: 'warning', path: ['wsdl'], message: '`a.wsdl`, line 3: this pattern is left to the service to check' },
  ])
  const beside = { ...around, optionsOf: (kind: string) => (kind === 'grpc-transcoding' ? {} : undefined) }
  assert.match(soap.review?.(options, beside)[1]?.message ?? '', /answers 404 to the paths of the other/)
})
