/** Things by the text that something must begin with, found by one walk along it: ten thousand cost what one does. */

/** A place in the tree; the root's label is empty. */
export interface PrefixNode<T> {
  /** The text between the node above and this one. */
  label: string
  /** The best rank at and below, 0 for the best of all, so that a walk can stop early. */
  rankMin: number
  /** In the order in which they were added. */
  items: T[]
  /** By the first character of their labels, as UTF-16 code units. */
  children: Map<number, PrefixNode<T>> | null
}

export function newPrefixNode<T>(label = ''): PrefixNode<T> {
  return { label, rankMin: Number.POSITIVE_INFINITY, items: [], children: null }
}

/** @param rank of the item; those of one tree are added in the order of their ranks */
export function addByPrefix<T>(root: PrefixNode<T>, prefix: string, item: T, rank: number): void {
  let node = root
  let at = 0
  for (;;) {
    node.rankMin = Math.min(node.rankMin, rank)
    if (at === prefix.length) break
    node = childFor(node, prefix, at)
    at += node.label.length
  }
  node.items.push(item)
}

/** The node below that the rest of a prefix leads through; one is made, or split, where there is none. */
function childFor<T>(node: PrefixNode<T>, prefix: string, at: number): PrefixNode<T> {
  node.children ??= new Map()
  const key = prefix.charCodeAt(at)
  const child = node.children.get(key)
  if (child === undefined) {
    const made = newPrefixNode<T>(prefix.slice(at))
    node.children.set(key, made)
    return made
  }
  let shared = 1
  while (shared < child.label.length && child.label.charCodeAt(shared) === prefix.charCodeAt(at + shared)) shared++
  if (shared === child.label.length) return child
  const between: PrefixNode<T> = { ...newPrefixNode<T>(child.label.slice(0, shared)), rankMin: child.rankMin, children: new Map() }
  child.label = child.label.slice(shared)
  between.children?.set(child.label.charCodeAt(0), child)
  node.children.set(key, between)
  return between
}

/** The next node of a walk along `text`, whose label stands at `at`; null at the end of the walk. Allocates nothing. */
export function nextByPrefix<T>(node: PrefixNode<T>, text: string, at: number): PrefixNode<T> | null {
  const { children } = node
  if (children === null || at >= text.length) return null
  const child = children.get(text.charCodeAt(at))
  return child !== undefined && text.startsWith(child.label, at) ? child : null
}
