/** SOAP services made with the npm package `soap`, from a WSDL of ours. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { listen } from 'soap'

const SCHEMA = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:shop" elementFormDefault="qualified" xmlns:t="urn:shop">
  <xs:complexType name="Item"><xs:sequence><xs:element name="name" type="xs:string"/><xs:element name="price" type="xs:decimal"/>
    <xs:element name="tag" type="xs:string" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
  <xs:element name="Find"><xs:complexType><xs:sequence><xs:element name="name" type="xs:string"/><xs:element name="max" type="xs:int" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="FindResponse"><xs:complexType><xs:sequence><xs:element name="item" type="t:Item" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="Missing"><xs:complexType><xs:sequence><xs:element name="name" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
</xs:schema>`

/** @param soap `soap` or `soap12`, the end of the namespace of its binding */
function wsdlOf(style: 'document' | 'rpc', soap: 'soap' | 'soap12'): string {
  const parts =
    style === 'document'
      ? ['<part name="p" element="t:Find"/>', '<part name="p" element="t:FindResponse"/>']
      : [
          '<part name="name" type="xs:string"/><part name="max" type="xs:int"/>',
          '<part name="count" type="xs:int"/><part name="best" type="t:Item"/>',
        ]
  const body = `<soap:body use="literal"${style === 'rpc' ? ' namespace="urn:shop"' : ''}/>`
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions name="Shop" targetNamespace="urn:shop" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:shop"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:soap="http://schemas.xmlsoap.org/wsdl/${soap}/">
<types>${SCHEMA}</types>
<message name="FindInput">${parts[0]}</message><message name="FindOutput">${parts[1]}</message>
<message name="MissingFault"><part name="fault" element="t:Missing"/></message>
<portType name="Shop"><operation name="Find"><input message="t:FindInput"/><output message="t:FindOutput"/><fault name="Missing" message="t:MissingFault"/></operation></portType>
<binding name="ShopBinding" type="t:Shop"><soap:binding style="${style}" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Find"><soap:operation soapAction="urn:shop#Find"/><input>${body}</input><output>${body}</output>
<fault name="Missing"><soap:fault name="Missing" use="literal"/></fault></operation></binding>
<service name="ShopService"><port name="ShopPort" binding="t:ShopBinding"><soap:address location="http://localhost/shop"/></port></service>
</definitions>`
}

export interface SoapServer {
  readonly port: number
  readonly wsdl: string
}

export interface SoapServerOptions {
  readonly style: 'document' | 'rpc'
  readonly version?: '1.1' | '1.2'
  /** A password that callers of the name `gateway` have to show by a digest. */
  readonly password?: string
}

interface FindInput {
  readonly name: string
  readonly max?: number
}

/** Starts a service whose operation `Find` tells what it was asked; it ends with the test. */
export async function startSoapServer(t: TestContext, { style, version = '1.1', password }: SoapServerOptions): Promise<SoapServer> {
  const wsdl = wsdlOf(style, version === '1.2' ? 'soap12' : 'soap')
  const server = createServer((_, response) => response.writeHead(404).end())
  const find = ({ name, max }: FindInput): unknown => {
    if (name === 'nothing') throw clientFault(version)
    if (name === 'crash') throw new Error('at db.internal:5432')
    const items = Array.from({ length: max ?? 1 }, (_, i) => ({ name, price: `${i + 1}.50`, tag: ['a', 'b&c'] }))
    return style === 'rpc' ? { count: items.length, best: items[0] } : { item: items }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const soap = listen(server, {
    path: '/shop',
    xml: wsdl,
    services: { ShopService: { ShopPort: { Find: find } } },
    suppressStack: true,
    ...(version === '1.2' && { forceSoap12Headers: true }),
  })
  if (password !== undefined) soap.authenticate = (security: unknown) => isKnown(security, password)
  t.after(() => server.close().closeAllConnections())
  return { port: (server.address() as AddressInfo).port, wsdl }
}

function clientFault(version: '1.1' | '1.2'): unknown {
  if (version === '1.2')
    return { Fault: { Code: { Value: 'soap:Sender', Subcode: { Value: 'rpc:BadArguments' } }, Reason: { Text: 'none of it' } } }
  const detail = { attributes: {}, Missing: { attributes: { xmlns: 'urn:shop' }, name: 'nothing' } }
  return { Fault: { faultcode: 'soap:Client', faultstring: 'none of it', detail } }
}

/** The package gives the header as it reads it; the digest is for us to check. */
function isKnown(security: unknown, password: string): boolean {
  const header = JSON.parse(JSON.stringify(security)) as {
    UsernameToken?: { Username?: string; Password?: { $value?: string }; Nonce?: { $value?: string }; Created?: string }
  }
  const token = header.UsernameToken
  const nonce = Buffer.from(token?.Nonce?.$value ?? '', 'base64')
  const digest = createHash('sha1')
    .update(nonce)
    .update(token?.Created ?? '')
    .update(password)
    .digest('base64')
  return token?.Username === 'gateway' && token.Password?.$value === digest
}
