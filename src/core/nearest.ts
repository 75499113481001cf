const NEAR_MAX = 3

/**
 * The candidate that `word` was most likely meant to be: at most three edits away (insert, delete, replace, swap of neighbours) and
 * fewer than half its letters; null for none. Case, `-` and `_` do not count.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > 64) return null
  const folded = fold(word)
  let best: string | null = null
  let bestDistance = Math.min(NEAR_MAX, Math.ceil(folded.length / 2) - 1) + 1
  for (const candidate of candidates) {
    if (candidate.length > 64) continue
    const distance = editDistance(folded, fold(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean …?` for a name that is none of `known`; empty when none is near. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const near = nearest(name, [...known])
  return near === null ? '' : `; did you mean \`${near}\`?`
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Damerau–Levenshtein distance in its restricted form (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) distance = Math.min(distance, (beforeLast[j - 2] ?? 0) + 1)
      row.push(distance)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
