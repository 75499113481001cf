import type { BalancerKind, HashIr, HashKeyIr } from '../config/ir.ts'
import { cookieValue } from '../core/cookies.ts'
import type { Exchange } from '../core/exchange.ts'
import { murmur3 } from './murmur3.ts'
import type { Target } from './target.ts'

/** Chooses among the targets that are usable. Called for every attempt, so it allocates nothing. */
export interface Balancer {
  /** A target that `excluded` does not hold; null when there is none. */
  pick(exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null
}

/** The targets of a service that have a weight, and which of them are usable now: worked out on changes, so that a pick only reads. */
export class TargetGroup {
  readonly all: readonly Target[]
  usable: readonly Target[] = []
  /** Whether the usable ones weigh the same. */
  isEven = true

  constructor(targets: readonly Target[]) {
    this.all = targets.filter((target) => target.weight > 0)
    this.refresh()
  }

  /** To be called when a target became usable or unusable, or its effective weight changed. */
  refresh(): void {
    this.usable = this.all.filter((target) => target.isUsable)
    this.isEven = this.usable.every((target) => target.effectiveWeight === this.usable[0]?.effectiveWeight)
  }
}

/** @param random a number in [0, 1). */
export function createBalancer(kind: BalancerKind, group: TargetGroup, hash: HashIr, random: () => number): Balancer {
  switch (kind) {
    case 'round-robin':
      return new RoundRobin(group)
    case 'random':
      return new WeightedRandom(group, random)
    case 'least-connections':
      return new LeastConnections(group)
    case 'power-of-two':
      return new PowerOfTwo(group, random)
    case 'consistent-hash':
      return new ConsistentHash(group, hash, random)
  }
}

class RoundRobin implements Balancer {
  readonly #group: TargetGroup
  #next = 0

  constructor(group: TargetGroup) {
    this.#group = group
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const { usable, isEven } = this.#group
    if (!isEven || excluded !== null) return takeTurn(usable, excluded, null)
    if (usable.length === 0) return null
    if (this.#next >= usable.length) this.#next = 0
    return usable[this.#next++] as Target
  }
}

/**
 * Smooth weighted round robin (nginx's): of weights 5, 1, 1 the heavy one is not picked five times in a row.
 * @param like leaves out targets that are not as busy for their weight as this one; null for all
 */
function takeTurn(targets: readonly Target[], excluded: ReadonlySet<Target> | null, like: Target | null): Target | null {
  let best: Target | null = null
  let total = 0
  for (const target of targets) {
    if (excluded?.has(target) || (like !== null && (isLessBusy(target, like) || isLessBusy(like, target)))) continue
    total += target.effectiveWeight
    target.turn += target.effectiveWeight
    if (best === null || target.turn > best.turn) best = target
  }
  if (best !== null) best.turn -= total
  return best
}

/** Whether it has fewer exchanges for its weight. */
function isLessBusy(one: Target, other: Target): boolean {
  return one.inFlight * other.effectiveWeight < other.inFlight * one.effectiveWeight
}

class WeightedRandom implements Balancer {
  readonly #group: TargetGroup
  readonly #random: () => number

  constructor(group: TargetGroup, random: () => number) {
    this.#group = group
    this.#random = random
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    return pickWeighted(this.#group.usable, excluded, null, this.#random)
  }
}

function pickWeighted(
  targets: readonly Target[],
  excluded: ReadonlySet<Target> | null,
  without: Target | null,
  random: () => number,
): Target | null {
  let total = 0
  for (const target of targets) if (target !== without && !excluded?.has(target)) total += target.effectiveWeight
  let left = random() * total
  let last: Target | null = null
  for (const target of targets) {
    if (target === without || excluded?.has(target)) continue
    last = target
    left -= target.effectiveWeight
    if (left < 0) return target
  }
  return last
}

/** The target with the fewest exchanges for its weight; equals take turns by weight, so that idle ones share the load. */
class LeastConnections implements Balancer {
  readonly #group: TargetGroup

  constructor(group: TargetGroup) {
    this.#group = group
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    let best: Target | null = null
    for (const target of this.#group.usable) {
      if (excluded?.has(target)) continue
      if (best === null || isLessBusy(target, best)) best = target
    }
    return best === null ? null : takeTurn(this.#group.usable, excluded, best)
  }
}

/** The less busy of two picked at random: nearly as even as looking at all, without the herd that follows an old look. */
class PowerOfTwo implements Balancer {
  readonly #group: TargetGroup
  readonly #random: () => number

  constructor(group: TargetGroup, random: () => number) {
    this.#group = group
    this.#random = random
  }

  pick(_exchange: Exchange, excluded: ReadonlySet<Target> | null): Target | null {
    const { usable } = this.#group
    const first = pickWeighted(usable, excluded, null, this.#random)
    if (first === null) return null
    const second = pickWeighted(usable, excluded, first, this.#random)
    return second !== null && isLessBusy(second, first) ? second : first
  }
}

/** Points on the ring for a target of average weight; 160 keep the load within about 10 % of even. */
const POINTS = 160

/** A ring of hashes: a key stays with its target, and when a target comes or goes only its own share of keys moves. */
class ConsistentHash implements Balancer {
  readonly #points: Uint32Array
  readonly #owners: readonly Target[]
  readonly #hash: HashIr
  readonly #random: () => number

  constructor({ all: targets }: TargetGroup, hash: HashIr, random: () => number) {
    this.#hash = hash
    this.#random = random
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
    const input = this.#inputOf(exchange)
    const start = input === null ? Math.floor(this.#random() * size) : this.#firstAtOrAfter(murmur3(input))
    // The next target on the ring takes over for one that is excluded or unusable: the same for every request with this key.
    for (let i = 0; i < size; i++) {
      const target = this.#owners[(start + i) % size] as Target
      if (target.isUsable && !excluded?.has(target)) return target
    }
    return null
  }

  /** What is hashed; null for chance. A cookie that is missing is made, once for all tries, where clients are given one. */
  #inputOf(exchange: Exchange): string | null {
    const { key, otherwise, setCookiePath } = this.#hash
    const input = hashInput(key, exchange)
    if (input !== null) return input
    if (key.kind === 'cookie' && setCookiePath !== null) return cookieMade(exchange, key.name, setCookiePath)
    return otherwise === null ? null : hashInput(otherwise, exchange)
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

/** Null where the request has none. */
function hashInput(key: HashKeyIr, exchange: Exchange): string | null {
  const { request, client, caller } = exchange
  switch (key.kind) {
    case 'client-ip':
      return client.address
    case 'path':
      return request.path
    case 'consumer':
      return caller.consumer?.name ?? (caller.subject || null)
    case 'header':
      return request.headers.getJoined(key.name) ?? null
    case 'query':
      return new URLSearchParams(request.query).get(key.name)
    case 'cookie':
      return cookieValue(request.headers.getJoined('Cookie') ?? '', key.name)
    case 'param':
      return exchange.params.get(key.name) ?? null
  }
}

/** The value of the cookie that the client is given with the answer; null where it is given another already. */
function cookieMade(exchange: Exchange, name: string, path: string): string | null {
  const begin = `${name}=`
  if (exchange.newCookie !== '' && !exchange.newCookie.startsWith(begin)) return null
  if (exchange.newCookie === '') {
    const isSecure = exchange.request.scheme === 'https'
    exchange.newCookie = `${begin}${exchange.clock.uuid()}; Path=${path}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  }
  return exchange.newCookie.slice(begin.length, exchange.newCookie.indexOf(';'))
}
