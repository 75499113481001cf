import { randomBytes } from 'node:crypto'
import type { SharedFile } from '../../core/store.ts'
import { HEADER_BYTES, hasHeader, layoutFor, secretOf, writeHeader } from './layout.ts'
import { MappedFile } from './mapped-file.ts'
import { SLIDING_WIDTH, SMALL_WIDTH } from './rule-state.ts'
import { type SlotEvents, SlotTable, setsFor, tableBytes } from './slot-table.ts'
import { SpinLock } from './spin-lock.ts'

export interface MemoryEvents extends SlotEvents {
  lockStolen(): void
}

/** Where states of limits lie: one table for algorithms that keep a number, one for those that keep a ring of them. */
export interface LimitMemory {
  readonly secret: readonly [number, number]
  /** Null when nobody else can write. */
  readonly lock: SpinLock | null
  readonly small: SlotTable
  /** Made at the first call, which throws when there is no room for it. */
  sliding(): SlotTable
  /** It may still be used afterwards, as a small and empty one. */
  close(): void
}

/** In this process alone. Pages that no key has touched take no memory. */
export class OwnMemory implements LimitMemory {
  readonly secret = newSecret()
  readonly lock = null
  readonly small: SlotTable
  readonly #keysMax: number
  readonly #events: SlotEvents
  #sliding: SlotTable | null = null

  constructor(keysMax: number, events: SlotEvents) {
    this.#keysMax = keysMax
    this.#events = events
    this.small = ownTable(keysMax, SMALL_WIDTH, events)
  }

  sliding(): SlotTable {
    this.#sliding ??= ownTable(this.#keysMax, SLIDING_WIDTH, this.#events)
    return this.#sliding
  }

  close(): void {}
}

/** In a file that all workers of a gateway map. */
export class SharedMemory implements LimitMemory {
  readonly secret: readonly [number, number]
  #lock: SpinLock | null
  #small: SlotTable
  readonly #file: MappedFile
  readonly #keysMax: number
  readonly #events: MemoryEvents
  #sliding: SlotTable | null = null
  #isClosed = false

  /** Throws a sentence when the file is not what it should be, or there is no room. */
  constructor(shared: SharedFile, keysMax: number, events: MemoryEvents) {
    const layout = layoutFor(keysMax)
    this.#file = new MappedFile(shared.path, layout.bytes)
    try {
      const header = new Int32Array(this.#file.map(0, HEADER_BYTES))
      if (!hasHeader(header, keysMax)) throw new Error(`${shared.path} is no file of limits for ${keysMax} keys`)
      this.secret = secretOf(header)
      this.#small = new SlotTable(this.#file.map(layout.small.offset, layout.small.bytes), layout.sets, SMALL_WIDTH, events)
      this.#lock = new SpinLock(header, process.pid, () => events.lockStolen())
    } catch (error) {
      this.#file.close()
      throw error
    }
    this.#keysMax = keysMax
    this.#events = events
  }

  get lock(): SpinLock | null {
    return this.#lock
  }

  get small(): SlotTable {
    return this.#small
  }

  sliding(): SlotTable {
    if (this.#sliding !== null) return this.#sliding
    const { sliding, sets } = layoutFor(this.#keysMax)
    this.#sliding = new SlotTable(this.#file.map(sliding.offset, sliding.bytes), sets, SLIDING_WIDTH, this.#events)
    return this.#sliding
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // An exchange that still runs on an old configuration may look once more: not into memory that is gone.
    this.#lock = null
    this.#small = ownTable(0, SMALL_WIDTH, this.#events)
    this.#sliding = ownTable(0, SLIDING_WIDTH, this.#events)
    this.#file.close()
  }
}

/** A table of this process alone. */
function ownTable(keysMax: number, width: number, events: SlotEvents): SlotTable {
  const sets = setsFor(keysMax)
  return new SlotTable(new ArrayBuffer(tableBytes(sets, width)), sets, width, events)
}

function newSecret(): readonly [number, number] {
  const bytes = randomBytes(8)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}

/** What a file of limits begins with, zeros after it. */
export function newHeader(keysMax: number): Buffer {
  const words = new Int32Array(HEADER_BYTES / 4)
  writeHeader(words, keysMax, newSecret())
  return Buffer.from(words.buffer)
}
