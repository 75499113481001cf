/** SOAP envelopes (SOAP 1.1, 4; SOAP 1.2 part 1, 5). */
import { type QName, SOAP11, SOAP12 } from './names.ts'
import { elementsOf, MESSAGE_BOUNDS, parseXml, type XmlElement } from './xml.ts'
import { escapeAttribute } from './xml-text.ts'

export type SoapVersion = '1.1' | '1.2'

const NAMESPACES: Readonly<Record<SoapVersion, string>> = { '1.1': SOAP11, '1.2': SOAP12 }

export function envelopeNamespace(version: SoapVersion): string {
  return NAMESPACES[version]
}

/**
 * @param header blocks, and `body`, as XML
 * @param declarations of the prefixes that these use
 */
export function writeEnvelope(version: SoapVersion, header: string, body: string, declarations: string): string {
  const head = header === '' ? '' : `<soap:Header>${header}</soap:Header>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="${escapeAttribute(NAMESPACES[version])}"${declarations}>${head}<soap:Body>${body}</soap:Body></soap:Envelope>`
}

export interface Envelope {
  readonly version: SoapVersion
  /** Elements of the body, in order. */
  readonly body: readonly XmlElement[]
}

/** Reads an envelope of either version; null for a document that is none. Throws an XmlFault for what is no document. */
export function readEnvelope(text: string): Envelope | null {
  const root = parseXml(text, MESSAGE_BOUNDS)
  const version = root.ns === SOAP11 ? '1.1' : root.ns === SOAP12 ? '1.2' : null
  if (version === null || root.local !== 'Envelope') return null
  const bodies = elementsOf(root).filter((child) => isNamed(child, { ns: root.ns, local: 'Body' }))
  const [body] = bodies
  return body === undefined || bodies.length > 1 ? null : { version, body: elementsOf(body) }
}

export function isNamed({ ns, local }: XmlElement, name: QName): boolean {
  return ns === name.ns && local === name.local
}
