/** Where the holder's process id stands: alone in its cache line. */
export const LOCK_WORD = 16
/** How often it was taken, so that who waits can tell a holder that hangs from many that come and go. */
export const TURN_WORD = LOCK_WORD + 1

/** Tries in a row before the processor is given up. */
const SPINS = 500
/** A holder that was interrupted needs a processor to go on; this end sleeps in between. */
const SLEEP_MS = 0.05
const LIVENESS_AFTER_MS = 1
/** Longer than a busy machine keeps a process from running that it has interrupted. */
const WAIT_MAX_MS = 200

/**
 * Mutual exclusion between processes, for sections well under a microsecond, by one word of shared memory that holds the holder's process
 * id. A lock of a dead process is taken over, and after 200 ms also one of a process that hangs: it may then find that others wrote
 * while it was asleep, which can leave the states it was writing wrong until they expire, but nothing else.
 */
export class SpinLock {
  readonly #words: Int32Array
  readonly #pid: number
  readonly #onStolen: () => void
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4))

  /** @param onStolen is told when a lock was taken over */
  constructor(words: Int32Array, pid: number, onStolen: () => void) {
    this.#words = words
    this.#pid = pid
    this.#onStolen = onStolen
  }

  acquire(): void {
    if (Atomics.compareExchange(this.#words, LOCK_WORD, 0, this.#pid) !== 0) this.#wait()
    Atomics.add(this.#words, TURN_WORD, 1)
  }

  /** Leaves it alone when it has been taken over. */
  release(): void {
    Atomics.compareExchange(this.#words, LOCK_WORD, this.#pid, 0)
  }

  #wait(): void {
    for (let i = 0; i < SPINS; i++) if (this.#try(0)) return
    let turn = Atomics.load(this.#words, TURN_WORD)
    let startedAt = performance.now()
    let nextCheckMs = LIVENESS_AFTER_MS
    for (;;) {
      Atomics.wait(this.#sleeper, 0, 0, SLEEP_MS)
      if (this.#try(0)) return
      const now = performance.now()
      const turnNow = Atomics.load(this.#words, TURN_WORD)
      if (turnNow !== turn) {
        turn = turnNow
        startedAt = now
        nextCheckMs = LIVENESS_AFTER_MS
      }
      const waitedMs = now - startedAt
      if (waitedMs < nextCheckMs) continue
      nextCheckMs = waitedMs + LIVENESS_AFTER_MS
      const holder = Atomics.load(this.#words, LOCK_WORD)
      if (holder === 0 || (isAlive(holder) && waitedMs < WAIT_MAX_MS)) continue
      if (!this.#try(holder)) continue
      this.#onStolen()
      return
    }
  }

  #try(expected: number): boolean {
    return (
      Atomics.load(this.#words, LOCK_WORD) === expected && Atomics.compareExchange(this.#words, LOCK_WORD, expected, this.#pid) === expected
    )
  }
}

function isAlive(pid: number): boolean {
  // Not a process id, but the number of a group or of nobody: somebody wrote what no worker writes.
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
