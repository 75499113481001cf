/** SOAP faults (SOAP 1.1, 4.4; SOAP 1.2 part 1, 5.4) and the HTTP errors that they become. */
import type { JsonObject } from '../../core/members.ts'
import { STATUS_TEXT } from '../../core/status-text.ts'
import { type Decoder, Unfit } from './decode.ts'
import { type Envelope, envelopeNamespace, isNamed } from './envelope.ts'
import type { Fault } from './model.ts'
import { elementsOf, textOf, type XmlElement } from './xml.ts'

const REASON_CHARS_MAX = 1_000

export interface SoapFault {
  /** Local name of the code, with what follows its dots: `Client.Authentication`. */
  readonly code: string
  /** Local name of the innermost subcode of SOAP 1.2; empty for none. */
  readonly subcode: string
  readonly reason: string
  /** What the service adds. */
  readonly detail: readonly XmlElement[]
}

/** The fault that an envelope holds; null for none. */
export function readFault({ version, body }: Envelope): SoapFault | null {
  const ns = envelopeNamespace(version)
  const [fault] = body
  if (fault === undefined || !isNamed(fault, { ns, local: 'Fault' })) return null
  return version === '1.1' ? readFault11(fault) : readFault12(fault, ns)
}

function readFault11(fault: XmlElement): SoapFault {
  // Its children are in no namespace; some services put them into one.
  const child = (local: string): XmlElement | undefined => elementsOf(fault).find((other) => other.local === local)
  const detail = child('detail')
  return {
    code: localPart(child('faultcode')),
    subcode: '',
    reason: reasonOf(child('faultstring')),
    detail: detail === undefined ? [] : elementsOf(detail),
  }
}

function readFault12(fault: XmlElement, ns: string): SoapFault {
  const child = (element: XmlElement | undefined, local: string): XmlElement | undefined =>
    element === undefined ? undefined : elementsOf(element).find((other) => isNamed(other, { ns, local }))
  const code = child(fault, 'Code')
  let subcode = child(code, 'Subcode')
  for (let inner = child(subcode, 'Subcode'); inner !== undefined; inner = child(inner, 'Subcode')) subcode = inner
  const detail = child(fault, 'Detail')
  return {
    code: localPart(child(code, 'Value')),
    subcode: localPart(child(subcode, 'Value')),
    reason: reasonOf(child(child(fault, 'Reason'), 'Text')),
    detail: detail === undefined ? [] : elementsOf(detail),
  }
}

function localPart(element: XmlElement | undefined): string {
  const text = element === undefined ? '' : textOf(element).trim()
  return text.slice(text.indexOf(':') + 1).slice(0, 256)
}

/** The first line: what follows may be a stack trace. */
function reasonOf(element: XmlElement | undefined): string {
  const [line = ''] =
    element === undefined
      ? []
      : textOf(element)
          .trim()
          .split(/[\n\r]/, 1)
  return line.trim().slice(0, REASON_CHARS_MAX)
}

/** Codes that blame who asked. */
const SENDER = new Set(['Client', 'Sender', 'VersionMismatch', 'MustUnderstand', 'DataEncodingUnknown'])

export interface FaultAnswer {
  readonly status: number
  readonly problem: JsonObject
}

/**
 * A fault as a problem document (RFC 9457). Details are told as JSON where the WSDL declares them; others may hold stack traces and hosts, and
 * are not told.
 * @param statuses by the name of a declared fault, or of its element
 */
export function faultAnswer(
  fault: SoapFault,
  declared: readonly Fault[],
  statuses: Readonly<Record<string, number>>,
  decoder: Decoder,
  requestId: string,
): FaultAnswer {
  const known = declaredDetail(fault, declared, decoder)
  const names = known === null ? [] : [known.name, known.local]
  const named = names.find((name) => Object.hasOwn(statuses, name))
  const byCode = SENDER.has(fault.code.split('.', 1)[0] ?? '') ? 400 : 502
  const status = (named === undefined ? undefined : statuses[named]) ?? byCode
  return {
    status,
    problem: {
      type: 'about:blank',
      title: STATUS_TEXT[status] ?? '',
      status,
      ...(fault.reason !== '' && { detail: fault.reason }),
      code: 'soap_fault',
      ...(requestId !== '' && { requestId }),
      fault: {
        code: fault.code,
        ...(fault.subcode !== '' && { subcode: fault.subcode }),
        reason: fault.reason,
        ...(known !== null && { name: known.name }),
        ...(known?.value !== undefined && { detail: known.value }),
      },
    },
  }
}

interface Detail {
  readonly name: string
  readonly local: string
  /** Undefined where it is not what the schema says. */
  readonly value: unknown
}

function declaredDetail({ detail }: SoapFault, declared: readonly Fault[], decoder: Decoder): Detail | null {
  for (const element of detail) {
    const fault = declared.find((other) => isNamed(element, other.element.name))
    if (fault === undefined) continue
    const { name, element: use } = fault
    try {
      return { name, local: use.name.local, value: decoder.element(use, element) }
    } catch (error) {
      if (!(error instanceof Unfit)) throw error
      return { name, local: use.name.local, value: undefined }
    }
  }
  return null
}
