/** Which port of a WSDL is meant, and what its binding says of SOAP. */
import { fault } from './components.ts'
import { FileFault } from './documents.ts'
import { WSDL_SOAP11, WSDL_SOAP12 } from './names.ts'
import type { SoapOptions } from './options.ts'
import { type Located, type WsdlIndex, wsdlChildren } from './wsdl-index.ts'
import { attributeOf, elementsOf, type XmlElement } from './xml.ts'

const HTTP_TRANSPORTS = new Set([
  'http://schemas.xmlsoap.org/soap/http',
  'http://schemas.xmlsoap.org/soap/http/',
  'http://www.w3.org/2003/05/soap/bindings/HTTP/',
])

export interface ChosenPort {
  readonly version: '1.1' | '1.2'
  /** The namespace of the binding's own elements. */
  readonly soap: string
  readonly style: string
  readonly endpoint: string
  readonly service: Located
  readonly binding: Located
  readonly portType: Located
}

/** The first port with a SOAP binding over HTTP among those that the options leave. */
export function choosePort(index: WsdlIndex, { wsdl, service, port }: SoapOptions): ChosenPort {
  const services = index.services.filter(({ element }) => service === undefined || attributeOf(element, 'name') === service)
  if (services.length === 0)
    throw new FileFault(wsdl, 0, service === undefined ? 'there is no service' : `there is no service \`${service}\``)
  let found = false
  for (const candidate of services) {
    for (const element of wsdlChildren(candidate.element, 'port')) {
      if (port !== undefined && attributeOf(element, 'name') !== port) continue
      found = true
      const chosen = read(index, candidate, { ...candidate, element })
      if (chosen !== null) return chosen
    }
  }
  if (!found && port !== undefined) throw new FileFault(wsdl, 0, `there is no port \`${port}\``)
  throw new FileFault(wsdl, 0, 'no port has a SOAP binding over HTTP')
}

function read(index: WsdlIndex, service: Located, port: Located): ChosenPort | null {
  const binding = index.get('binding', port, 'binding')
  const soap = soapChild(binding.element, 'binding')
  if (soap === null || !HTTP_TRANSPORTS.has(attributeOf(soap, 'transport') ?? '')) return null
  const version = soap.ns === WSDL_SOAP12 ? '1.2' : '1.1'
  const style = attributeOf(soap, 'style') ?? 'document'
  const endpoint = endpointOf(port)
  return { version, soap: soap.ns, style, endpoint, service, binding, portType: index.get('portType', binding, 'type') }
}

/** The path of the port's address: which host the service has is what the gateway's service says. */
function endpointOf(port: Located): string {
  const address = soapChild(port.element, 'address')
  const location = address === null ? undefined : attributeOf(address, 'location')
  if (location === undefined) return '/'
  if (!URL.canParse(location, 'http://localhost/')) throw fault(port, port.element, `\`${location}\` is no address`)
  const { pathname, search } = new URL(location, 'http://localhost/')
  return `${pathname}${search}`
}

/** The first child in a namespace of SOAP's bindings; null for none. */
export function soapChild(element: XmlElement, local: string): XmlElement | null {
  return elementsOf(element).find((child) => (child.ns === WSDL_SOAP11 || child.ns === WSDL_SOAP12) && child.local === local) ?? null
}
