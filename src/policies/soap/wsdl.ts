/** A WSDL 1.1 as data: one port of one service, its operations with their messages, and the types that these use. */
import { nearest } from '../../core/nearest.ts'
import type { OptionFiles } from '../../core/policy.ts'
import { Components, fault } from './components.ts'
import { type Documents, FileFault, readDocuments } from './documents.ts'
import { MessageReader } from './messages.ts'
import type { Fault, Operation, SoapModel } from './model.ts'
import type { SoapOptions } from './options.ts'
import { type ChosenPort, choosePort } from './ports.ts'
import { SchemaTypes } from './schema-types.ts'
import { type Located, WsdlIndex, wsdlChild, wsdlChildren, wsdlDocumentation } from './wsdl-index.ts'
import { attributeOf } from './xml.ts'

const OPERATIONS_MAX = 1_000

/**
 * Reads a WSDL and what it imports. Rejects with an Error that names the file, the line and the first thing that is wrong or not supported.
 */
export async function readWsdl(options: SoapOptions, files: OptionFiles): Promise<SoapModel> {
  const documents = await readDocuments(options.wsdl, files)
  return new ModelReader(documents, options).read()
}

class ModelReader {
  readonly #options: SoapOptions
  readonly #index: WsdlIndex
  readonly #types: SchemaTypes
  readonly #port: ChosenPort
  readonly #messages: MessageReader

  constructor(documents: Documents, options: SoapOptions) {
    this.#options = options
    this.#index = new WsdlIndex(documents)
    this.#types = new SchemaTypes(new Components(documents))
    this.#port = choosePort(this.#index, options)
    this.#messages = new MessageReader(this.#index, this.#types, this.#port)
  }

  read(): SoapModel {
    const { version, endpoint, binding, portType } = this.#port
    const offered = this.#offered(wsdlChildren(binding.element, 'operation').map((element) => ({ ...binding, element })))
    const operations = offered.map((operation) => this.#operation(operation, portType))
    this.#checkNames(operations)
    return {
      version,
      endpoint: this.#options.endpointPath ?? endpoint,
      operations,
      types: this.#types.finish(),
      remarks: [...this.#types.remarks],
    }
  }

  /** The operations of the binding that are to be offered. */
  #offered(all: readonly Located[]): readonly Located[] {
    const { expose } = this.#options
    const named = new Map(all.map((operation) => [nameOf(operation), operation]))
    for (const name of [...(expose ?? []), ...Object.keys(this.#options.operations)]) {
      if (!named.has(name))
        throw new Error(unknownName(`\`${this.#options.wsdl}\` has no operation \`${name}\` at this port`, name, [...named.keys()]))
    }
    const offered = expose === undefined ? all : all.filter((operation) => expose.includes(nameOf(operation)))
    if (offered.length > OPERATIONS_MAX)
      throw new FileFault(this.#options.wsdl, 0, `more than ${OPERATIONS_MAX} operations: choose with \`expose\``)
    if (offered.length === 0) throw fault(this.#port.binding, this.#port.binding.element, 'the binding has no operation')
    const twin = offered.find((operation) => offered.some((other) => other !== operation && nameOf(other) === nameOf(operation)))
    if (twin !== undefined) throw fault(twin, twin.element, `the operation \`${nameOf(twin)}\` stands twice: overloading is not supported`)
    return offered
  }

  #operation(binding: Located, portType: Located): Operation {
    const name = nameOf(binding)
    const element = wsdlChildren(portType.element, 'operation').find((other) => attributeOf(other, 'name') === name)
    if (element === undefined) throw fault(binding, binding.element, `the port type has no operation \`${name}\``)
    const abstract: Located = { ...portType, element }
    if (wsdlChild(element, 'input') === null)
      throw fault(abstract, element, `\`${name}\` has no input: only request-response and one-way are supported`)
    const doc = wsdlDocumentation(element)
    const shape = Object.hasOwn(this.#options.operations, name) ? this.#options.operations[name] : undefined
    const { root, headers } = this.#messages.input(name, binding, abstract)
    return {
      name,
      ...(doc !== undefined && { doc }),
      action: this.#messages.action(binding),
      method: shape?.method ?? 'POST',
      path: shape?.path ?? `/${name}`,
      input: root,
      output: this.#messages.output(name, binding, abstract),
      headers,
      faults: this.#faults(abstract),
    }
  }

  #faults(operation: Located): readonly Fault[] {
    return wsdlChildren(operation.element, 'fault').flatMap((element): Fault[] => {
      const name = attributeOf(element, 'name') ?? ''
      const use = this.#messages.faultElement({ ...operation, element })
      return use === null ? [] : [{ name, element: use }]
    })
  }

  /** Statuses are given to faults that are there. */
  #checkNames(operations: readonly Operation[]): void {
    const known = new Set(operations.flatMap(({ faults }) => faults.flatMap(({ name, element }) => [name, element.name.local])))
    for (const name of Object.keys(this.#options.faults)) {
      if (!known.has(name)) throw new Error(unknownName(`\`${this.#options.wsdl}\` declares no fault \`${name}\``, name, [...known]))
    }
  }
}

function nameOf({ file, element }: Located): string {
  const name = attributeOf(element, 'name')
  if (name === undefined) throw new FileFault(file, element.line, 'the operation has no name')
  return name
}

function unknownName(problem: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near !== null) return `${problem}; did you mean \`${near}\`?`
  return known.length === 0
    ? problem
    : `${problem}; it has ${known
        .slice(0, 10)
        .map((other) => `\`${other}\``)
        .join(', ')}`
}
