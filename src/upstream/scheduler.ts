/** Calls back later. For what happens seldom; limits on exchanges and connections use the timer wheel. */
export interface Scheduler {
  /** @returns stops it; harmless once it has run. */
  after(delayMs: number, run: () => void): () => void
}

/** The longest that `setTimeout` can wait. Who waits longer is called too early: all callers look at the time and wait again. */
const DELAY_MAX_MS = 2 ** 31 - 1

/** Real time. Nothing that waits here keeps the process alive. */
export const timers: Scheduler = {
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), DELAY_MAX_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
