import type { Exchange } from '../../core/exchange.ts'
import { sizeOf } from './json-value.ts'

/** A body while it is edited. */
export class Document {
  value: unknown
  readonly exchange: Exchange
  /** Whether any rule did anything. */
  changed = false
  /** Whether a rule had something to write and the body has no place for it. */
  unfit = false
  /** Characters that rules may still add; below 0, editing stops. */
  #room: number

  /** @param growthMax characters that rules may add: with `*` a small body could be made a huge one */
  constructor(value: unknown, exchange: Exchange, growthMax: number) {
    this.value = value
    this.exchange = exchange
    this.#room = growthMax
  }

  get isTooLarge(): boolean {
    return this.#room < 0
  }

  /** Makes room for a value that is added; false for none. */
  admit(value: unknown): boolean {
    return this.admitChars(sizeOf(value, this.#room))
  }

  admitChars(count: number): boolean {
    this.#room -= count
    return this.#room >= 0
  }

  /** Whether a text of so many characters may be made, to be admitted when it is written. */
  hasRoomFor(count: number): boolean {
    if (count > this.#room) this.#room = -1
    return this.#room >= 0
  }
}
