/** Words that the two transformers share: lists of names, and of names with values. */
import { MANAGED_FIELDS } from '../../../../core/managed-fields.ts'
import { list, z } from '../../../../core/schema.ts'
import type { SourceLocation } from '../../../ir.ts'
import type { ConfigPath } from '../../../tree.ts'
import { nodeOf } from '../nodes.ts'
import type { FidelityRules, PluginSurroundings, Written } from '../types.ts'

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const ITEMS_MAX = 100

/** An entry as Kong cuts it: what comes before the first colon, and what follows the colons. */
export function pairOf(entry: string): { readonly name: string; readonly value: string } {
  const [, name = '', value = ''] = /^([^:]+):*([\s\S]*)$/.exec(entry) ?? []
  return { name, value }
}

/** Names of members or parameters. */
export function names() {
  return list(z.string().min(1).max(8_192), { max: ITEMS_MAX }).default([])
}

export function headerNames() {
  const entry = z
    .string()
    .max(8_192)
    .superRefine((written, context) => checkHeader(pairOf(written).name, context))
  return list(entry, { max: ITEMS_MAX }).default([])
}

/** Entries `name:value`. @param headers whether the name is one of a header. @param renames whether the value is such a name too */
export function pairs({ headers = false, renames = false } = {}) {
  const entry = z
    .string()
    .max(8_192)
    .superRefine((written, context) => {
      const { name, value } = pairOf(written)
      if (!written.includes(':')) context.addIssue({ code: 'custom', message: `key '${written}' has no value` })
      else if (headers) checkHeader(name, context)
      if (headers && renames && written.includes(':')) checkHeader(value, context)
    })
  return list(entry, { max: ITEMS_MAX }).default([])
}

function checkHeader(name: string, context: z.RefinementCtx): void {
  if (!HEADER_NAME.test(name)) context.addIssue({ code: 'custom', message: `'${name}' is not a valid header` })
}

/** What both transformers have to say of their entries. */
export const TRANSFORMER_RULES = {
  'config#managed': {
    fidelity: 'unsupported',
    reason: 'the header belongs to the connection or says where the message ends, and only the gateway writes it',
  },
  'config.rename#chain': {
    fidelity: 'unsupported',
    reason:
      'a name stands in several renames, and what comes out depends on their order: the later ones are left out; write one rename for each name',
  },
  'config#star': { fidelity: 'unsupported', reason: 'a member called `*` cannot be named: there it stands for all' },
} as const satisfies FidelityRules

/** Text in which nothing is a placeholder. */
export function literal(text: string): string {
  return text.replaceAll('{', '{{')
}

/** Entries of one kind by operation. */
export type Entries = Readonly<Record<'remove' | 'rename' | 'replace' | 'add' | 'append', readonly string[]>>

/** How entries of one kind are written natively. */
export interface Words {
  /** Their key below each operation. */
  readonly kind: 'headers' | 'querystring' | 'body' | 'json'
  /** Whether the native form names them by JSON pointers. */
  readonly byPointer?: true
  /** A value; null for what cannot be carried, which has been told. @param index in its list */
  readonly valueOf: (value: string, path: ConfigPath, index: number) => Written
}

interface Entry {
  readonly name: string
  readonly value: string
  readonly index: number
  readonly path: ConfigPath
  readonly place: SourceLocation
}

/** Native edits of entries; of several for one name the last counts in `replace`, and the first in `add`, as with Kong. */
export class Edits {
  readonly #entries: Entries
  readonly #words: Words
  readonly #around: PluginSurroundings

  constructor(entries: Entries, words: Words, around: PluginSurroundings) {
    this.#entries = entries
    this.#words = words
    this.#around = around
  }

  /** @param append what `append` is called natively */
  written(append: 'add' | 'append'): Record<string, Written | undefined> {
    const emptied = this.#words.kind === 'headers' ? [] : this.#read('replace').filter(({ value }) => value === '')
    const removed = [...this.#read('remove'), ...emptied].map(({ name, place }) => nodeOf(this.#native(name), place))
    return {
      remove: removed.length === 0 ? undefined : removed,
      rename: this.#renames(),
      replace: this.#values('replace'),
      default: this.#values('add'),
      [append]: this.#appended(),
    }
  }

  /** Entries that can be carried. */
  #read(operation: keyof Entries): readonly Entry[] {
    const { kind, byPointer } = this.#words
    return this.#entries[operation].flatMap((written, index) => {
      const { name, value } = pairOf(written)
      const path = [operation, kind, index]
      const isManaged = (text: string): boolean => kind === 'headers' && MANAGED_FIELDS.has(text.toLowerCase())
      if (isManaged(name) || (operation === 'rename' && isManaged(value))) {
        // Of `Host` Kong takes no notice either, but in `replace`.
        if (name.toLowerCase() !== 'host') this.#around.note('config#managed', path)
        return []
      }
      if (byPointer && name === '*') {
        this.#around.note('config#star', path)
        return []
      }
      return [{ name, value, index, path, place: this.#around.locate(path) }]
    })
  }

  #native(name: string): string {
    return this.#words.byPointer ? `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` : name
  }

  /** What tells names apart. */
  #fold(name: string): string {
    return this.#words.kind === 'headers' ? name.toLowerCase() : name
  }

  #renames(): Record<string, Written> | undefined {
    const renames: Record<string, Written> = {}
    const taken = new Set<string>()
    for (const { name, value, path, place } of this.#read('rename')) {
      const [from, to] = [this.#fold(name), this.#fold(value)]
      if (from === to || value === '') continue
      if (taken.has(from) || taken.has(to)) {
        this.#around.note('config.rename#chain', path)
        continue
      }
      taken.add(from).add(to)
      // What begins with a slash would be taken for a pointer.
      renames[this.#native(name)] = nodeOf(value.startsWith('/') ? this.#native(value) : value, place)
    }
    return filled(renames)
  }

  #values(operation: 'replace' | 'add'): Record<string, Written> | undefined {
    const values = new Map<string, readonly [string, Written]>()
    for (const { name, value, index, path, place } of this.#read(operation)) {
      const key = this.#fold(name)
      if (value === '' || (operation === 'add' && values.has(key))) continue
      const made = this.#words.valueOf(value, path, index)
      if (made !== null) values.set(key, [this.#native(name), nodeOf(made, place)])
    }
    return filled(Object.fromEntries(values.values()))
  }

  #appended(): Record<string, Written> | undefined {
    const values = new Map<string, { readonly name: string; readonly all: Written[] }>()
    for (const { name, value, index, path, place } of this.#read('append')) {
      const made = value === '' ? null : this.#words.valueOf(value, path, index)
      if (made === null) continue
      const known = values.get(this.#fold(name)) ?? { name: this.#native(name), all: [] }
      known.all.push(nodeOf(made, place))
      values.set(this.#fold(name), known)
    }
    return filled(Object.fromEntries([...values.values()].map(({ name, all }) => [name, all])))
  }
}

function filled(entries: Record<string, Written>): Record<string, Written> | undefined {
  return Object.keys(entries).length === 0 ? undefined : entries
}
