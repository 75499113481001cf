/** A model made ready for requests: its endpoints, and what each operation's call consists of. */
import { Codecs } from './codecs.ts'
import { Endpoints, segmentsOf } from './endpoints.ts'
import type { SoapVersion } from './envelope.ts'
import type { ElementUse, Operation, SoapModel } from './model.ts'
import { type ParameterMember, parameterMembers } from './parameters.ts'

export interface OperationPlan {
  readonly operation: Operation
  /** Whether requests have a body. */
  readonly takesBody: boolean
  readonly parameters: ReadonlyMap<string, ParameterMember>
  readonly headers: ReadonlyMap<string, ElementUse>
}

export interface ServicePlan {
  readonly version: SoapVersion
  readonly path: string
  readonly query: string
  readonly codecs: Codecs
  readonly endpoints: Endpoints<OperationPlan>
}

/** The member of the input that holds header blocks. */
export const HEADERS = '$header'

export function servicePlan({ version, endpoint, operations, types }: SoapModel, basePath: string): ServicePlan {
  const codecs = new Codecs(types)
  const question = endpoint.indexOf('?')
  const planned = operations.map((operation) => ({
    method: operation.method,
    segments: segmentsOf(operation.path),
    operation: {
      operation,
      takesBody: takesBody(operation.method),
      parameters: parameterMembers(operation.input, codecs),
      headers: new Map(operation.headers.map((use) => [use.member, use])),
    },
  }))
  return {
    version,
    path: question === -1 ? endpoint : endpoint.slice(0, question),
    query: question === -1 ? '' : endpoint.slice(question + 1),
    codecs,
    endpoints: new Endpoints(basePath, planned),
  }
}

/** Whether a request of the method has content that means something (RFC 9110, 9.3). */
export function takesBody(method: string): boolean {
  return method !== 'GET' && method !== 'DELETE'
}
