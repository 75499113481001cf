/** Statuses as they are written: single ones, and classes such as `5xx`. */
export type StatusSet = readonly (number | string)[]

const CLASS = /^([1-5])xx$/

/** What is wrong with an item of a set in one sentence; null for nothing. */
export function statusProblem(item: number | string): string | null {
  const isStatus = typeof item === 'number' ? item >= 100 && item <= 599 : CLASS.test(item)
  return isStatus ? null : 'expected a status (100 to 599) or a class of them such as `5xx`'
}

/** A look at whether a status is in the set: one read of an array. */
export function compileStatuses(set: StatusSet): (status: number) => boolean {
  const members = new Uint8Array(600)
  for (const item of set) {
    const digit = typeof item === 'number' ? undefined : CLASS.exec(item)?.[1]
    if (typeof item === 'number') members[item] = 1
    else if (digit !== undefined) members.fill(1, Number(digit) * 100, Number(digit) * 100 + 100)
  }
  return (status) => members[status] === 1
}
