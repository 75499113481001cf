/**
 * What a WSDL says, as far as requests and responses need it: plain data, made by the control process and sent to workers.
 * Types refer to each other by key, so that they can be recursive.
 */
import type { QName } from './names.ts'

/** In place of `unbounded`: plain JSON has no infinity. */
export const UNBOUNDED = Number.MAX_SAFE_INTEGER

export interface SoapModel {
  readonly version: '1.1' | '1.2'
  /** Path of the service, with its query; from the WSDL's address. */
  readonly endpoint: string
  readonly operations: readonly Operation[]
  readonly types: Readonly<Record<string, Type>>
  /** What is allowed but worth a word when the configuration is checked. */
  readonly remarks: readonly string[]
}

export interface Operation {
  readonly name: string
  readonly doc?: string
  /** Of SOAPAction, or of the media type's parameter; empty for none. */
  readonly action: string
  readonly method: string
  /** As it is written: `/prices/:symbol`. */
  readonly path: string
  readonly input: Root
  /** Null for an operation that nothing comes back from. */
  readonly output: Root | null
  /** Header blocks that the input may have. */
  readonly headers: readonly ElementUse[]
  readonly faults: readonly Fault[]
}

/** What a SOAP body holds. */
export interface Root {
  /** Null for an empty body. */
  readonly element: ElementUse | null
  /** Whether its JSON is an object with the element as its one member: where its type is none that makes an object. */
  readonly wrapped: boolean
  /** Whether an element of any name stands for it: the wrapper of an answer in rpc style. */
  readonly anyName: boolean
}

export interface Fault {
  readonly name: string
  readonly element: ElementUse
}

export type Type = SimpleType | ComplexType

export type Primitive =
  | 'string'
  | 'boolean'
  | 'decimal'
  | 'float'
  | 'double'
  | 'duration'
  | 'dateTime'
  | 'time'
  | 'date'
  | 'gYearMonth'
  | 'gYear'
  | 'gMonthDay'
  | 'gDay'
  | 'gMonth'
  | 'hexBinary'
  | 'base64Binary'
  | 'anyURI'
  | 'QName'

/** Bounds of a simple type (XML Schema 2, 4.3), as they are written. */
export interface Facets {
  readonly length?: number
  readonly minLength?: number
  readonly maxLength?: number
  /** Expressions in the syntax of RE2, all of which a text fits from its beginning to its end. */
  readonly patterns?: readonly string[]
  readonly enumeration?: readonly string[]
  readonly minInclusive?: string
  readonly maxInclusive?: string
  readonly minExclusive?: string
  readonly maxExclusive?: string
  readonly totalDigits?: number
  readonly fractionDigits?: number
}

export interface SimpleType {
  readonly kind: 'simple'
  /** Null for one that is declared where it is used. */
  readonly name: QName | null
  readonly doc?: string
  readonly variety: 'atomic' | 'list' | 'union'
  /** Of an atomic type. */
  readonly primitive: Primitive
  /** The built-in type that it comes from: `int`. */
  readonly builtin: string
  /** Of a list: the key of its items' type. */
  readonly item?: string
  /** Of a union: the keys of its members' types. */
  readonly members?: readonly string[]
  readonly whiteSpace: 'preserve' | 'replace' | 'collapse'
  readonly facets: Facets
}

export interface ComplexType {
  readonly kind: 'complex'
  readonly name: QName | null
  readonly doc?: string
  /** Whether only types that derive from it can be there. */
  readonly abstract: boolean
  readonly attributes: readonly AttributeUse[]
  readonly content: Content
  /** Keys of the types that may take its place by `xsi:type`. */
  readonly derived: readonly string[]
}

export type Content =
  | { readonly kind: 'empty' }
  /** Text of a simple type. */
  | { readonly kind: 'simple'; readonly type: string }
  | { readonly kind: 'elements'; readonly group: Group }
  /** Text and elements mixed: handed on as XML. */
  | { readonly kind: 'mixed' }
  /** `xs:anyType`. */
  | { readonly kind: 'any' }

export interface AttributeUse {
  /** `@name` */
  readonly member: string
  readonly name: QName
  readonly type: string
  readonly required: boolean
  readonly default?: string
  readonly fixed?: string
  readonly doc?: string
}

export type Particle = ElementUse | AnyUse | Group

export interface ElementUse {
  readonly kind: 'element'
  readonly member: string
  readonly name: QName
  readonly type: string
  readonly min: number
  /** {@link UNBOUNDED} for no bound. */
  readonly max: number
  /** Whether the member is an array: where it may stand more than once, taken together with others of its name. */
  readonly array: boolean
  readonly nillable: boolean
  readonly default?: string
  readonly fixed?: string
  readonly doc?: string
}

/** Elements that the schema does not name. */
export interface AnyUse {
  readonly kind: 'any'
  readonly min: number
  readonly max: number
}

export interface Group {
  readonly kind: 'sequence' | 'choice' | 'all'
  readonly min: number
  readonly max: number
  /** Of a group of several that repeats: the member that holds one object for each time. */
  readonly member?: string
  readonly parts: readonly Particle[]
}
