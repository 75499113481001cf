/** What rules do to a JSON body, compiled at load. */
import { type JsonObject, put } from '../../core/members.ts'
import type { Document } from './document.ts'
import { compileJson, type JsonMaker } from './json-template.ts'
import { type Container, childOf, copyOf, isContainer, removeAt, valueAt } from './json-value.ts'
import { EACH, type Name, type Pointer, parsePlace, parsePointer } from './pointer.ts'

/** Edits of a body as they are written; applied in this order, or `template` alone. */
export interface BodyEdits {
  readonly unwrap?: string | undefined
  readonly remove: readonly string[]
  readonly rename: Readonly<Record<string, string>>
  /** What becomes of a member that has the new name already. */
  readonly taken?: 'replace' | 'keep' | undefined
  readonly set: Readonly<Record<string, unknown>>
  readonly replace?: Readonly<Record<string, unknown>> | undefined
  readonly default?: Readonly<Record<string, unknown>> | undefined
  readonly append?: Readonly<Record<string, unknown>> | undefined
  readonly wrap?: string | undefined
  readonly template?: unknown
}

type Operation = (document: Document) => void

/** Compiles edits into one operation; null for nothing to do. */
export function compileBodyEdits(edits: BodyEdits): Operation | null {
  const { unwrap, remove, rename, taken = 'replace', set, wrap, template } = edits
  const operations: Operation[] = []
  if (template !== undefined) operations.push(templateOf(compileJson(template)))
  if (unwrap !== undefined) operations.push(unwrapOf(parsePlace(unwrap)))
  for (const pointer of remove) operations.push(removeOf(parsePointer(pointer)))
  for (const [pointer, to] of Object.entries(rename))
    operations.push(to.startsWith('/') ? moveOf(parsePlace(pointer), parsePlace(to), taken) : renameOf(parsePointer(pointer), to, taken))
  for (const [pointer, value] of Object.entries(set)) operations.push(setOf(parsePointer(pointer), compileJson(value)))
  for (const [pointer, value] of Object.entries(edits.replace ?? {})) operations.push(replaceOf(parsePointer(pointer), compileJson(value)))
  for (const [pointer, value] of Object.entries(edits.default ?? {})) operations.push(defaultOf(parsePlace(pointer), compileJson(value)))
  for (const [pointer, value] of Object.entries(edits.append ?? {})) operations.push(appendOf(parsePlace(pointer), compileJson(value)))
  if (wrap !== undefined) operations.push(wrapOf(parsePlace(wrap)))
  if (operations.length === 0) return null
  return (document) => {
    for (const operation of operations) {
      operation(document)
      if (document.isTooLarge) return
    }
  }
}

function templateOf(make: JsonMaker): Operation {
  return (document) => {
    const made = make(document)
    if (!document.admit(made)) return
    document.value = made ?? null
    document.changed = true
  }
}

function unwrapOf(names: readonly Name[]): Operation {
  return (document) => {
    const inner = valueAt(document.value, names)
    if (inner === undefined) return
    document.value = inner
    document.changed = true
  }
}

function wrapOf(names: readonly Name[]): Operation {
  return (document) => {
    for (const { name } of names.toReversed()) {
      const outer: JsonObject = {}
      put(outer, name, document.value)
      document.value = outer
    }
    document.changed = true
  }
}

function removeOf(pointer: Pointer): Operation {
  const last = pointer.at(-1) ?? EACH
  return (document) => {
    eachHolder(document.value, pointer, 0, (holder) => {
      if (last === EACH ? clear(holder) : removeAt(holder, last)) document.changed = true
      return true
    })
  }
}

function clear(holder: Container): boolean {
  if (Array.isArray(holder)) return holder.splice(0).length > 0
  let found = false
  for (const name of namesIn(holder)) found = removeAt(holder, name) || found
  return found
}

function renameOf(pointer: Pointer, to: string, taken: 'replace' | 'keep'): Operation {
  const last = pointer.at(-1) ?? EACH
  const target = { name: to, index: -1 }
  return (document) => {
    eachHolder(document.value, pointer, 0, (holder) => {
      // Elements of an array have no names.
      if (last === EACH || Array.isArray(holder) || last.name === to) return true
      const value = childOf(holder, last)
      if (value === undefined) return true
      if (!document.admitChars(Math.max(0, to.length - last.name.length))) return false
      const isTaken = taken === 'keep' && childOf(holder, target) !== undefined
      removeAt(holder, last)
      if (!isTaken) put(holder, to, value)
      document.changed = true
      return true
    })
  }
}

function moveOf(from: readonly Name[], to: readonly Name[], taken: 'replace' | 'keep'): Operation {
  const last = from.at(-1)
  return (document) => {
    const holder = valueAt(document.value, from.slice(0, -1))
    if (last === undefined || !isContainer(holder)) return
    const value = childOf(holder, last)
    if (value === undefined) return
    const isTaken = taken === 'keep' && valueAt(document.value, to) !== undefined
    removeAt(holder, last)
    if (isTaken) document.changed = true
    else if (write(document, document.value, to, 0, value)) return
    // There is no place for it: it stays where it was.
    else if (Array.isArray(holder)) holder.splice(last.index, 0, value)
    else put(holder, last.name, value)
  }
}

function setOf(pointer: Pointer, make: JsonMaker): Operation {
  const remove = removeOf(pointer)
  return (document) => {
    const value = make(document)
    // What a client wrote there must not take the place of a claim that the caller does not have.
    if (value === undefined) remove(document)
    else write(document, document.value, pointer, 0, value)
  }
}

function replaceOf(pointer: Pointer, make: JsonMaker): Operation {
  const last = pointer.at(-1) ?? EACH
  const remove = removeOf(pointer)
  return (document) => {
    const value = make(document)
    if (value === undefined) return remove(document)
    eachHolder(document.value, pointer, 0, (holder) => {
      for (const name of last === EACH ? namesIn(holder) : [last]) {
        if (childOf(holder, name) !== undefined && !place(document, holder, name, value)) return false
      }
      return true
    })
  }
}

function defaultOf(names: readonly Name[], make: JsonMaker): Operation {
  return (document) => {
    const value = valueAt(document.value, names) === undefined ? make(document) : undefined
    if (value !== undefined) write(document, document.value, names, 0, value)
  }
}

function appendOf(names: readonly Name[], make: JsonMaker): Operation {
  return (document) => {
    const value = make(document)
    if (value === undefined) return
    const added: readonly unknown[] = Array.isArray(value) ? value : [value]
    const there = valueAt(document.value, names)
    if (!Array.isArray(there)) {
      if (isContainer(there)) unfit(document)
      else write(document, document.value, names, 0, there === undefined ? added : [there, ...added])
    } else if (document.admit(added)) {
      for (const item of added) there.push(copyOf(item))
      document.changed = true
    }
  }
}

/**
 * Writes a value to what a pointer names below a holder, from its part `depth` on. Objects that are missing on the way are made, unless a
 * `*` follows. Where anything but an object or array stands in the way, or an array has no such index, the document is unfit.
 * @returns whether it went on without trouble
 */
function write(document: Document, holder: unknown, pointer: Pointer, depth: number, value: unknown): boolean {
  const part = pointer[depth]
  if (!isContainer(holder) || part === undefined) return unfit(document)
  const isLast = depth === pointer.length - 1
  if (part === EACH) {
    for (const each of namesIn(holder)) {
      if (childOf(holder, each) === undefined) continue
      if (isLast) place(document, holder, each, value)
      else write(document, childOf(holder, each), pointer, depth + 1, value)
      if (document.isTooLarge) return false
    }
    return true
  }
  if (Array.isArray(holder) && !fitsArray(holder, part, isLast)) return unfit(document)
  if (isLast) return place(document, holder, part, value)
  const child = childOf(holder, part)
  if (child !== undefined && child !== null) return write(document, child, pointer, depth + 1, value)
  if (pointer.includes(EACH, depth + 1)) return true
  const made: JsonObject = {}
  return write(document, made, pointer, depth + 1, value) && place(document, holder, part, made, false)
}

function namesIn(holder: Container): readonly Name[] {
  if (Array.isArray(holder)) return holder.map((_, index) => ({ name: '', index }))
  return Object.keys(holder).map((name) => ({ name, index: -1 }))
}

/** RFC 6902, 4.1: an index of an array is at most its length; `-` is what comes behind the last element. */
function fitsArray(holder: readonly unknown[], { name, index }: Name, isLast: boolean): boolean {
  return isLast ? (index !== -1 && index <= holder.length) || name === '-' : index !== -1 && index < holder.length
}

function place(document: Document, holder: Container, part: Name, value: unknown, isShared = true): boolean {
  if (!document.admitChars(part.name.length) || (isShared && !document.admit(value))) return false
  const own = isShared ? copyOf(value) : value
  if (Array.isArray(holder)) holder[part.index === -1 ? holder.length : part.index] = own
  else put(holder, part.name, own)
  document.changed = true
  return true
}

function unfit(document: Document): false {
  document.unfit = true
  return false
}

/**
 * Calls back with each object and array that may hold what a pointer names.
 * @param visit returns false to end it
 * @returns false when it was ended
 */
function eachHolder(value: unknown, pointer: Pointer, depth: number, visit: (holder: Container) => boolean): boolean {
  if (!isContainer(value)) return true
  if (depth === pointer.length - 1) return visit(value)
  const part = pointer[depth]
  if (part === undefined) return true
  if (part !== EACH) return eachHolder(childOf(value, part), pointer, depth + 1, visit)
  for (const child of Array.isArray(value) ? value : Object.values(value)) if (!eachHolder(child, pointer, depth + 1, visit)) return false
  return true
}
