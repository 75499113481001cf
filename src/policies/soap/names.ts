/** Names in namespaces, and the namespaces that SOAP, WSDL 1.1 and XML Schema are written in. */

/** A name in a namespace; `ns` is empty for none. */
export interface QName {
  readonly ns: string
  readonly local: string
}

export const XSD = 'http://www.w3.org/2001/XMLSchema'
export const XSI = 'http://www.w3.org/2001/XMLSchema-instance'
export const XML = 'http://www.w3.org/XML/1998/namespace'
export const XMLNS = 'http://www.w3.org/2000/xmlns/'
export const WSDL = 'http://schemas.xmlsoap.org/wsdl/'
/** What a SOAP 1.1 binding is described with (WSDL 1.1, 3). */
export const WSDL_SOAP11 = 'http://schemas.xmlsoap.org/wsdl/soap/'
/** The same for SOAP 1.2 (WSDL 1.1 Binding Extension for SOAP 1.2). */
export const WSDL_SOAP12 = 'http://schemas.xmlsoap.org/wsdl/soap12/'
export const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/'
export const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope'

/** A name as one text, for maps: no part of it can hold a blank. */
export function keyOf(ns: string, local: string): string {
  return ns === '' ? local : `${local} ${ns}`
}

/** As James Clark writes it: `{urn:stock}Price`. */
export function clark({ ns, local }: QName): string {
  return ns === '' ? local : `{${ns}}${local}`
}
