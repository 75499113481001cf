import { fitsTap, type TappedExchange, type TapRule } from '../core/tap.ts'
import type { EventStream } from './answer.ts'

export const TAPS_MAX = 5
/** More often than the listener closes connections on which nothing moves. */
const BEAT_MS = 5_000
/** Whoever watches longer asks anew, with a token that is still in force. */
const LIFE_MS = 3_600_000

interface Tap {
  readonly rule: TapRule
  readonly write: (text: string) => boolean
  /** Exchanges that were not told since the client was last told so. */
  lost: number
}

/** The watchers of the traffic tap. The workers send only what one of them wants, and nothing while there is none. */
export class TapDesk {
  readonly #taps = new Set<Tap>()
  readonly #setRules: (rules: readonly TapRule[]) => void

  constructor(setRules: (rules: readonly TapRule[]) => void) {
    this.#setRules = setRules
  }

  get isFull(): boolean {
    return this.#taps.size >= TAPS_MAX
  }

  /** Server-sent events: `exchange`, and `lost` with how many are missing at this place. */
  stream(rule: TapRule): EventStream {
    return {
      open: (write, end) => {
        if (this.isFull) {
          end()
          return () => {}
        }
        const tap: Tap = { rule, write, lost: 0 }
        this.#taps.add(tap)
        this.#announce()
        write(': open\n\n')
        const beat = setInterval(() => this.#beat(tap), BEAT_MS)
        const life = setTimeout(end, LIFE_MS)
        return () => {
          clearInterval(beat)
          clearTimeout(life)
          if (this.#taps.delete(tap)) this.#announce()
        }
      },
    }
  }

  /** Takes what a worker has told. @param lost that at least one tap wanted */
  take(exchanges: readonly TappedExchange[], lost: number): void {
    for (const tap of this.#taps) {
      tap.lost += lost
      for (const exchange of exchanges) if (fitsTap(tap.rule, exchange)) this.#tell(tap, exchange)
    }
  }

  #tell(tap: Tap, tapped: TappedExchange): void {
    const { lot: _, ...exchange } = tapped
    if (!this.#tellLost(tap) || !tap.write(`event: exchange\ndata: ${JSON.stringify(exchange)}\n\n`)) tap.lost++
  }

  /** @returns whether the client knows of all that is missing. */
  #tellLost(tap: Tap): boolean {
    if (tap.lost === 0) return true
    if (!tap.write(`event: lost\ndata: {"count":${tap.lost}}\n\n`)) return false
    tap.lost = 0
    return true
  }

  #beat(tap: Tap): void {
    if (tap.lost === 0) tap.write(': open\n\n')
    else this.#tellLost(tap)
  }

  #announce(): void {
    this.#setRules([...this.#taps].map(({ rule }) => rule))
  }
}
