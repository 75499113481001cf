/** A small seeded generator (sfc32), so that a number names every input: `Math.random` cannot be started again. */
export class Random {
  #a = 0
  #b = 0
  #c = 0
  #counter = 1

  /** Starts the sequence of one input. @param seed of the run. @param index of the input in it. */
  start(seed: number, index: number): void {
    this.#a = seed | 0
    this.#b = index | 0
    this.#c = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.floor(index / 2 ** 32)
    this.#counter = 1
    for (let i = 0; i < 8; i++) this.next()
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    return this.next() % count
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.next() % count === 0
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0]
  }
}
