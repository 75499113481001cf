import { randomUuid } from './uuid.ts'

/** Time and chance as a policy sees them, so that the same code runs live, under `explain` and under virtual time. */
export interface Clock {
  /** Milliseconds of a clock that never goes back; its zero has no meaning. */
  now(): number
  /** Milliseconds since 1970, for dates that leave the process. */
  epochMs(): number
  /** A number in [0, 1). */
  random(): number
  /** A random UUID (RFC 9562, version 4). */
  uuid(): string
}

/** Held here: Node's global is made when it is asked for, so that each look at it is a call of a getter. */
const { performance } = globalThis

export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  random: () => Math.random(),
  uuid: randomUuid,
}
