/** What the readers of types need of each other. */
import type { Component, Components } from './components.ts'
import type { ComplexType, SimpleType, Type } from './model.ts'
import type { QName } from './names.ts'

export interface SimpleTypeOwner {
  /** The key of a named type, and of one that is declared in place. */
  typeKey(name: QName, from: Component): string
  localTypeKey(component: Component, hint: string): string
  simpleType(key: string, from: Component): SimpleType
  remark(component: Component, message: string): void
}

export interface ComplexTypeOwner extends SimpleTypeOwner {
  readonly components: Components
  complexType(key: string, from: Component): ComplexType
  isSimple(key: string, from: Component): boolean
  addType(hint: string, type: Type, from: Component): string
  /** Has types within be named as of no type. */
  globally<T>(read: () => T): T
}

/** How often a particle may stand. */
export interface Occurs {
  readonly min: number
  readonly max: number
}
