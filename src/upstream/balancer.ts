import type { BalancerKind, HashKeyIr } from '../config/ir.ts'
import type { Exchange } from '../core/exchange.ts'
import { murmur3 } from './murmur3.ts'
import type { Target } from './target.ts'

/** Chooses among targets. Called for every attempt, so it allocates nothing. */
export interface Balancer {
  /** A target that `excluded` does not hold; null when there is none. */
  pick(exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null
}

/** @param targets those with a weight above 0 are ever picked. @param random a number in [0, 1). */
export function createBalancer(kind: BalancerKind, targets: readonly Target[], hashKey: HashKeyIr, random: () => number): Balancer {
  const usable = targets.filter((target) => target.weight > 0)
  switch (kind) {
    case 'round-robin':
      return new RoundRobin(usable)
    case 'random':
      return new WeightedRandom(usable, random)
    case 'least-connections':
      return new LeastConnections(usable)
    case 'power-of-two':
      return new PowerOfTwo(usable, random)
    case 'consistent-hash':
      return new ConsistentHash(usable, hashKey)
  }
}

/** Smooth weighted round robin (nginx's): of weights 5, 1, 1 the heavy one is not picked five times in a row. */
class RoundRobin implements Balancer {
  readonly #targets: readonly Target[]
  readonly #current: number[]
  readonly #equal: boolean
  #next = 0

  constructor(targets: readonly Target[]) {
    this.#targets = targets
    this.#current = targets.map(() => 0)
    this.#equal = targets.every((target) => target.weight === targets[0]?.weight)
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const targets = this.#targets
    if (this.#equal && excluded === null) {
      if (targets.length === 0) return null
      if (this.#next >= targets.length) this.#next = 0
      return targets[this.#next++] as Target
    }
    let best = -1
    let total = 0
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as Target
      if (excluded?.has(target)) continue
      total += target.weight
      this.#current[i] = (this.#current[i] as number) + target.weight
      if (best === -1 || (this.#current[i] as number) > (this.#current[best] as number)) best = i
    }
    if (best === -1) return null
    this.#current[best] = (this.#current[best] as number) - total
    return targets[best] as Target
  }
}

class WeightedRandom implements Balancer {
  readonly #targets: readonly Target[]
  readonly #random: () => number

  constructor(targets: readonly Target[], random: () => number) {
    this.#targets = targets
    this.#random = random
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    return pickWeighted(this.#targets, excluded, null, this.#random)
  }
}

function pickWeighted(
  targets: readonly Target[],
  excluded: ReadonlySet<Target> | null,
  without: Target | null,
  random: () => number,
): Target | null {
  let total = 0
  for (const target of targets) if (target !== without && !excluded?.has(target)) total += target.weight
  let left = random() * total
  let last: Target | null = null
  for (const target of targets) {
    if (target === without || excluded?.has(target)) continue
    last = target
    left -= target.weight
    if (left < 0) return target
  }
  return last
}

/** The target with the fewest exchanges for its weight; among equals it goes round, so that idle ones share the load. */
class LeastConnections implements Balancer {
  readonly #targets: readonly Target[]
  #offset = 0

  constructor(targets: readonly Target[]) {
    this.#targets = targets
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const targets = this.#targets
    let best: Target | null = null
    for (let i = 0; i < targets.length; i++) {
      const target = targets[(i + this.#offset) % targets.length] as Target
      if (excluded?.has(target)) continue
      if (best === null || target.inFlight * best.weight < best.inFlight * target.weight) best = target
    }
    this.#offset = targets.length === 0 ? 0 : (this.#offset + 1) % targets.length
    return best
  }
}

/** The less busy of two picked at random: nearly as even as looking at all, without the herd that follows an old look. */
class PowerOfTwo implements Balancer {
  readonly #targets: readonly Target[]
  readonly #random: () => number

  constructor(targets: readonly Target[], random: () => number) {
    this.#targets = targets
    this.#random = random
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const first = pickWeighted(this.#targets, excluded, null, this.#random)
    if (first === null) return null
    const second = pickWeighted(this.#targets, excluded, first, this.#random)
    if (second === null) return first
    return second.inFlight * first.weight < first.inFlight * second.weight ? second : first
  }
}

/** Points on the ring for a target of average weight; 160 keep the load within about 10 % of even. */
const POINTS = 160

/** A ring of hashes: a key stays with its target, and when a target comes or goes only its own share of keys moves. */
class ConsistentHash implements Balancer {
  readonly #points: Uint32Array
  readonly #owners: readonly Target[]
  readonly #key: HashKeyIr

  constructor(targets: readonly Target[], key: HashKeyIr) {
    this.#key = key
    const mean = targets.reduce((sum, target) => sum + target.weight, 0) / Math.max(1, targets.length)
    const ring: { point: number; target: Target }[] = []
    for (const target of targets) {
      const count = Math.max(1, Math.round((POINTS * target.weight) / mean))
      for (let i = 0; i < count; i++) ring.push({ point: murmur3(`${target.label}#${i}`), target })
    }
    ring.sort((a, b) => a.point - b.point)
    this.#points = Uint32Array.from(ring, (entry) => entry.point)
    this.#owners = ring.map((entry) => entry.target)
  }

  pick(exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const size = this.#points.length
    if (size === 0) return null
    const start = this.#firstAtOrAfter(murmur3(hashInput(this.#key, exchange)))
    // The next target on the ring takes over for an excluded one: the same for every request with this key.
    for (let i = 0; i < size; i++) {
      const target = this.#owners[(start + i) % size] as Target
      if (!excluded?.has(target)) return target
    }
    return null
  }

  #firstAtOrAfter(point: number): number {
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#points[middle] as number) < point) low = middle + 1
      else high = middle
    }
    return low
  }
}

function hashInput(key: HashKeyIr, exchange: Exchange): string {
  const { request, client } = exchange
  switch (key.kind) {
    case 'client-ip':
      return client.address
    case 'path':
      return request.path
    case 'header':
      return request.headers.getJoined(key.name) ?? client.address
    case 'query':
      return new URLSearchParams(request.query).get(key.name) ?? client.address
    case 'cookie':
      return cookie(request.headers.getJoined('Cookie') ?? '', key.name) ?? client.address
  }
}

/** The value of a cookie (RFC 6265, 4.2.1), or null. */
function cookie(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}
