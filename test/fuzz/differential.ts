/** One input after another through our parsers and llhttp. */
import { comparePieces, compareWithLlhttp } from './compare.ts'
import { generateInput } from './generate.ts'
import { Llhttp } from './llhttp.ts'
import { RequestParser, ResponseParser } from './ours.ts'
import { Random } from './random.ts'

/** A disagreement, with what is needed to see it again. */
export interface Finding {
  readonly index: number
  readonly sentence: string
  readonly input: string
}

/** How many inputs had which fate, so that a generator that shows nothing is seen. */
export interface Tally {
  /** Inputs with at least one message that both accepted whole. */
  accepted: number
  /** Inputs that we refused. */
  refused: number
}

/** Runs inputs named by a seed and their number. */
export class Differential {
  readonly tally: Tally = { accepted: 0, refused: 0 }
  readonly #seed: number
  readonly #random = new Random()
  readonly #buffer = Buffer.alloc(8192)
  readonly #llhttp = new Llhttp()
  readonly #requests = new RequestParser()
  readonly #responses = new ResponseParser()

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Runs the input of this number: three of four are requests. */
  run(index: number): Finding | null {
    const random = this.#random
    random.start(this.#seed, index)
    const isResponse = random.oneIn(4)
    const bytes = this.#buffer.subarray(0, generateInput(random, isResponse, this.#buffer))
    const sentence = isResponse ? this.#runResponse(bytes) : this.#runRequest(bytes)
    return sentence === null ? null : { index, sentence, input: JSON.stringify(bytes.latin1Slice()) }
  }

  #runRequest(bytes: Buffer): string | null {
    const ours = this.#requests.readWhole(bytes)
    const pieces = this.#requests.readPieces(bytes, splits(this.#random, bytes.length))
    const theirs = this.#llhttp.read(bytes, null, false)
    this.#count(ours.fault === null, ours.messages[0]?.complete === true)
    return comparePieces(ours, this.#requests.forwarded, pieces) ?? compareWithLlhttp(ours, theirs)
  }

  #runResponse(bytes: Buffer): string | null {
    const method = this.#random.oneIn(6) ? 'HEAD' : 'GET'
    const ours = this.#responses.read(bytes, method)
    const theirs = this.#llhttp.read(bytes, method, true)
    this.#count(ours.fault === null, ours.messages[0]?.complete === true)
    return compareWithLlhttp(ours, theirs)
  }

  #count(goesOn: boolean, accepted: boolean): void {
    if (accepted) this.tally.accepted++
    if (!goesOn) this.tally.refused++
  }
}

/** Ends of up to six pieces, or now and then of pieces of one byte. */
function splits(random: Random, length: number): number[] {
  if (random.oneIn(50)) return Array.from({ length }, (_, i) => i + 1)
  const ends: number[] = []
  for (let left = random.below(6); left > 0; left--) ends.push(random.below(length + 1))
  ends.sort((a, b) => a - b)
  ends.push(length)
  return ends
}
