/** Random JSON that fits a schema goes to XML and comes back the same; and the OpenAPI description accepts it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ApiDescription, JsonValue } from '../../core/openapi.ts'
import { Engine } from '../request-validation/engine.ts'
import { readOpenApi } from '../request-validation/openapi.ts'
import { soap } from './policy.ts'
import { Bench, echoed, echoOf, type Files } from './testing.ts'
import { chanceOf, Values } from './testing-values.ts'

const SCHEMA = `
<xs:simpleType name="Colour"><xs:restriction base="xs:string"><xs:enumeration value="red"/><xs:enumeration value="light blue"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Code"><xs:union memberTypes="xs:int t:Colour"/></xs:simpleType>
<xs:simpleType name="Numbers"><xs:list itemType="xs:decimal"/></xs:simpleType>
<xs:complexType name="Amount"><xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="unit" type="xs:token" use="required"/>
  <xs:attribute name="q" type="xs:QName"/><xs:attribute name="d" type="xs:int" default="5"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:complexType name="Plain"><xs:simpleContent><xs:extension base="t:Code"/></xs:simpleContent></xs:complexType>
<xs:complexType name="Base"><xs:sequence><xs:element name="id" type="xs:long"/></xs:sequence><xs:attribute name="k" type="t:Colour"/></xs:complexType>
<xs:complexType name="More"><xs:complexContent><xs:extension base="t:Base"><xs:sequence><xs:element name="id" type="xs:long" minOccurs="0"/><xs:element name="more" type="t:Plain" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
<xs:complexType name="Tree"><xs:sequence><xs:element name="value" type="xs:double"/><xs:element name="child" type="t:Tree" minOccurs="0" maxOccurs="3"/>
  <xs:element name="next" type="t:Tree" minOccurs="0" nillable="true"/></xs:sequence></xs:complexType>
<xs:complexType name="Mixed" mixed="true"><xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded"/></xs:sequence><xs:attribute name="a" type="xs:string"/></xs:complexType>
<xs:element name="head" type="t:Base" abstract="true"/><xs:element name="one" type="t:Base" substitutionGroup="t:head"/><xs:element name="two" type="t:More" substitutionGroup="t:head"/>
<xs:group name="Pair"><xs:sequence><xs:element name="k" type="xs:string"/><xs:element name="v" type="xs:boolean" minOccurs="0"/></xs:sequence></xs:group>`

const CONTENT = `<xs:sequence>
<xs:element name="amount" type="t:Amount" minOccurs="0"/><xs:element name="numbers" type="t:Numbers" minOccurs="0"/><xs:element name="code" type="t:Code" maxOccurs="4"/>
<xs:element name="base" type="t:Base" minOccurs="0" maxOccurs="2"/><xs:element name="tree" type="t:Tree" minOccurs="0"/><xs:element name="text" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
<xs:choice minOccurs="0"><xs:element name="date" type="xs:date"/><xs:sequence><xs:element name="from" type="xs:dateTime"/><xs:element name="to" type="xs:time" minOccurs="0"/></xs:sequence><xs:element name="span" type="xs:duration" maxOccurs="2"/></xs:choice>
<xs:group ref="t:Pair" minOccurs="0" maxOccurs="unbounded"/><xs:element ref="t:head" maxOccurs="3"/>
<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="hex" type="xs:hexBinary"/><xs:group ref="t:Pair"/><xs:element name="b64" type="xs:base64Binary"/></xs:choice>
<xs:element name="mixed" type="t:Mixed" minOccurs="0"/><xs:element name="any" minOccurs="0"/><xs:element name="nil" type="xs:unsignedLong" nillable="true" minOccurs="0"/>
<xs:any namespace="##other" minOccurs="0" maxOccurs="2"/>
</xs:sequence><xs:attribute name="flag" type="xs:boolean"/><xs:attribute name="tokens" type="xs:NMTOKENS"/>`

const FILES: Files = echoOf(CONTENT, SCHEMA)

test('JSON becomes XML and is JSON again: the same, with every digit', async () => {
  const bench = await Bench.of(FILES)
  const { model } = bench.options
  const root = model?.operations[0]?.input.element
  assert.ok(model && root)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 32 - 1 }), async (seed) => {
      const json = JSON.stringify(new Values(model, chanceOf(seed)).type(root.type, 4))
      const sent = bench.sent('POST /Op', json)
      const { exchange } = bench.request('POST /Op', json)
      const { text, refusal } = await bench.answered(exchange, { body: echoed(sent) })
      assert.equal(refusal, null, json)
      assert.deepEqual(JSON.parse(text), JSON.parse(json))
      assert.equal(sizeOfDigits(text), sizeOfDigits(json))
    }),
    { seed: 20261124, numRuns: 400 },
  )
})

/** Digits are lost when numbers are parsed: counting them notices. */
function sizeOfDigits(text: string): number {
  return text.replaceAll(/[^0-9.]/g, '').length
}

test('an envelope with broken bytes is read or refused, and nothing else', async () => {
  const bench = await Bench.of(FILES)
  const { model } = bench.options
  const root = model?.operations[0]?.input.element
  assert.ok(model && root)
  const pieces = [
    '<',
    '>',
    '&',
    '"',
    ' xsi:nil="true"',
    ' xsi:type="n0:More"',
    '<n0:code>',
    ']]>',
    '<!--',
    '<![CDATA[',
    'xmlns=""',
    '\u0000',
    '\ud800',
    '-',
    '/',
  ]
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 32 - 1 }), async (seed) => {
      const chance = chanceOf(seed)
      const json = JSON.stringify(new Values(model, chance).type(root.type, 3))
      const { exchange } = bench.request('POST /Op', json)
      let text = echoed(bench.sent('POST /Op', json))
      for (let change = 0; change < 1 + chance() * 3; change++) {
        const at = Math.floor(chance() * text.length)
        text = text.slice(0, at) + (pieces[Math.floor(chance() * pieces.length)] ?? '') + text.slice(at + Math.floor(chance() * 4))
      }
      const { status, refusal } = await bench.answered(exchange, { body: text })
      assert.ok(refusal === 'upstream_body_invalid' || status === 200, text)
    }),
    { seed: 11, numRuns: 600 },
  )
})

function documentOf({ paths, schemas, tags }: ApiDescription): string {
  const document: Record<string, JsonValue> = { openapi: '3.1.0', info: { title: 't', version: '1' }, paths, components: { schemas } }
  return JSON.stringify(tags === undefined ? document : { ...document, tags })
}

test('the description is valid OpenAPI 3.1, and its schemas accept what the policy accepts', async () => {
  const { options } = await Bench.of(FILES)
  const description = await soap.describeApi?.(options)
  assert.ok(description && options.model)
  const { model } = options
  const api = readOpenApi('soap.json', documentOf(description), '')
  const operation = api.operations.find(({ name }) => name === 'Op')
  const schema = operation?.body?.content[0]?.schema
  assert.ok(schema !== undefined)
  const validator = new Engine(api.definitions, api.tracks).validator(schema)
  const root = model.operations[0]?.input.element?.type ?? ''
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const json: unknown = JSON.parse(JSON.stringify(new Values(model, chanceOf(seed)).type(root, 4)))
      assert.equal(validator.check(json, 1_000_000), null, JSON.stringify(json))
    }),
    { seed: 42, numRuns: 300 },
  )
  for (const wrong of [{}, { code: [] }, { code: ['green'] }, { code: [1], amount: {} }, { code: [1], other: 1 }]) {
    assert.notEqual(validator.check(wrong, 1_000), null, JSON.stringify(wrong))
  }
})
