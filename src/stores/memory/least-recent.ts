/** A member of a {@link LeastRecent}, which alone writes its neighbours. */
export interface Ranked<Item> {
  newer: Item | null
  older: Item | null
}

/** Items in the order in which they were last used. Linked through the items themselves: a use is six writes, and nothing is allocated. */
export class LeastRecent<Item extends Ranked<Item>> {
  #newest: Item | null = null
  #oldest: Item | null = null

  /** The one that was not used for the longest; null for none. */
  get oldest(): Item | null {
    return this.#oldest
  }

  /** @param item in no list */
  add(item: Item): void {
    const before = this.#newest
    item.older = before
    item.newer = null
    if (before === null) this.#oldest = item
    else before.newer = item
    this.#newest = item
  }

  /** @param item in this list, as of {@link add} */
  remove(item: Item): void {
    const { newer, older } = item
    if (newer === null) this.#newest = older
    else newer.older = older
    if (older === null) this.#oldest = newer
    else older.newer = newer
    item.newer = null
    item.older = null
  }

  /** @param item in this list; it was used now */
  touch(item: Item): void {
    if (item === this.#newest) return
    this.remove(item)
    this.add(item)
  }
}
