/**
 * Connections killed at every byte offset of request and response, with retries, cache, fallback, transformation and mirror on: clients get
 * the right answer, a clean error, or a part of one answer that shows to be a part; never a mixture.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { eventually, type Rig, type RigOptions, startRig } from './harness.ts'
import {
  answerName,
  BODY,
  type Death,
  headLength,
  judge,
  KillableService,
  type Kind,
  type Legitimate,
  receive,
  responseOf,
  type Verdict,
} from './killing.ts'
import { fieldOf, type Peer } from './peer.ts'

/** Exchanges at once: connections are then used by turns, and dead ones are met. */
const AT_ONCE = 12
const RETRY = { attempts: 3, backoffBase: 0, bodyMax: '1KiB' } as const
/** Failures are meant here: neither budget nor breaker shall hide them. */
const SERVICE = { retryBudget: { ratio: 10, minPerSecond: 1_000_000 }, breaker: { failures: 10_000 } } as const
const FIXED = { status: 203, body: '{"fixed":"{path}"}' } as const

interface Variant {
  readonly name: string
  readonly route: NonNullable<RigOptions['route']>
  readonly kinds: readonly Kind[]
  /** Asked before, so that the cache has an answer that is no longer fresh. */
  readonly isSeeded?: boolean
  /** Responses are whole before a byte of them goes out. */
  readonly isGathered?: boolean
}

const VARIANTS: readonly Variant[] = [
  { name: 'retry', route: { retry: RETRY }, kinds: ['length', 'chunked', 'close', '204'] },
  {
    name: 'retry, cache by time, fixed answer',
    route: { retry: RETRY, policies: { cache: { ttl: '1h' } }, fallback: { response: FIXED } },
    kinds: ['length', 'chunked', 'close'],
  },
  {
    name: 'retry, cache by HTTP, stale answer',
    route: { retry: RETRY, policies: { cache: {} }, fallback: { stale: true } },
    kinds: ['length', 'chunked', 'revalidated'],
    isSeeded: true,
  },
  {
    name: 'retry, transform, another service, fixed answer',
    route: {
      retry: RETRY,
      policies: { transform: { response: { body: { wrap: 'data' } } } },
      fallback: { service: 'backup', response: FIXED },
    },
    kinds: ['length', 'chunked', 'close'],
    isGathered: true,
  },
  { name: 'retry, mirror', route: { retry: RETRY, mirror: { service: 'backup', inFlightMax: 10_000 } }, kinds: ['length', 'chunked'] },
]

/** A rig whose services can be killed. */
class Scene {
  readonly rig: Rig
  readonly main: KillableService
  readonly backup: KillableService
  readonly #variant: Variant
  #requests = 0

  private constructor(rig: Rig, variant: Variant) {
    this.rig = rig
    this.#variant = variant
    this.main = new KillableService('main', rig.upstream)
    this.backup = new KillableService('backup', rig.backup)
  }

  static async start(t: TestContext, variant: Variant): Promise<Scene> {
    // So little room that a few exchanges which did not give theirs back would fill it.
    const limits = { gatheredBytesMax: '16KiB' } as const
    return new Scene(await startRig(t, { limits, service: SERVICE, backupService: SERVICE, route: variant.route }), variant)
  }

  legitimate(id: string, endsByClose = false): Legitimate {
    const shown = this.#variant.isGathered === true ? (body: string) => `{"data":${body}}` : (body: string) => body
    return { id, services: [this.main, this.backup], shown, fixed: (path) => `{"fixed":"/${path}"}`, endsByClose }
  }

  /** Asks on this connection, or on a new one where it has ended. @returns the connection, and what came */
  async ask(
    id: string,
    method = 'GET',
    kept: Peer | null = null,
    endsByClose = false,
  ): Promise<{ peer: Peer; verdict: Verdict; head: string }> {
    const peer = kept !== null && kept.ending === null ? kept : await this.rig.connect()
    this.#requests++
    peer.write(requestOf(method, id))
    const received = await receive(peer)
    const verdict = judge(received, this.legitimate(id, endsByClose))
    if (/\r\nconnection: close\r\n/i.test(received.head) || verdict === 'broken') {
      await peer.ended()
      peer.socket.destroy()
    }
    return { peer, verdict, head: received.head }
  }

  /** Nothing is left of any exchange. */
  async assertClean(): Promise<void> {
    await eventually(() => this.rig.metric('gateway_requests_in_flight') === 0, 'all exchanges to end')
    await eventually(() => this.rig.metric('gateway_connections') === 0, 'all connections to be closed')
    await eventually(() => this.rig.metric('gateway_mirror_requests_total') >= this.#mirrored(), 'all copies to end')
    for (const { wrong } of [this.main, this.backup]) assert.deepEqual(wrong, [])
  }

  #mirrored(): number {
    return this.#variant.route.mirror === undefined ? 0 : this.#requests
  }
}

function requestOf(method: string, id: string): string {
  const body = method === 'GET' ? '' : BODY
  const fields = method === 'GET' ? '' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  return `${method} /${id} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`
}

/** Runs so many at once. Fails when all that had begun has ended. */
async function all<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  let hasFailed = false
  const lane = async (): Promise<void> => {
    for (const item of queue) {
      if (hasFailed) return
      await run(item).catch((error: unknown) => {
        hasFailed = true
        throw new Error(JSON.stringify(item), { cause: error })
      })
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}

interface Case {
  readonly id: string
  readonly kind: Kind
  readonly death: Death
  readonly offset: number
  /** Whether every try meets it, or the first alone. */
  readonly isLasting: boolean
  readonly method: string
}

/** All offsets of all responses of a variant, each with a reset and a FIN; the rest goes by turns. */
function casesOf({ kinds, isSeeded }: Variant): Case[] {
  const methods = isSeeded === true ? ['GET'] : ['GET', 'PUT', 'POST']
  const cases: Case[] = []
  for (const kind of kinds) {
    const { length } = responseOf(kind, answerName('main', '0000', 1), isSeeded)
    for (let offset = 0; offset <= length; offset++) {
      for (const death of [offset % 2 === 0 ? 'reset' : 'reset at once', 'finish'] as const) {
        const id = String(cases.length).padStart(4, '0')
        const method = methods[offset % methods.length] ?? 'GET'
        cases.push({ id, kind, death, offset, isLasting: (offset >> 1) % 2 === 0, method })
      }
    }
  }
  return cases
}

for (const variant of VARIANTS) {
  test(`a service dies at every byte of its response: ${variant.name}`, { timeout: 60_000 }, async (t) => {
    const scene = await Scene.start(t, variant)
    const { main, backup } = scene
    const verdicts = { answer: 0, fixed: 0, error: 0, broken: 0 }
    await all(casesOf(variant), async ({ id, kind, death, offset, isLasting, method }) => {
      const isValidated = variant.isSeeded === true
      const plan = { kind, isValidated, death, offset, times: 0 }
      main.plans.set(id, plan)
      let seeded: Peer | null = null
      if (isValidated) ({ peer: seeded } = await scene.ask(id))
      const arrivedBefore = main.arrivals.get(id) ?? 0
      const response = responseOf(kind, answerName('main', id, 1), isValidated)
      plan.times = isLasting ? Number.POSITIVE_INFINITY : 1
      const endsByClose = kind === 'close' && death === 'finish' && offset >= headLength(response)
      const { peer, verdict, head } = await scene.ask(id, method, seeded, endsByClose)
      verdicts[verdict]++
      // What is cut at once may take with it what was sent before; and only a FIN ends a response without length or chunks.
      const isWhole = offset >= response.length && (kind === 'close' ? death === 'finish' : death !== 'reset at once')
      // A POST that met a connection which died under it is not sent again.
      const hasArrived = method !== 'POST' || (main.arrivals.get(id) ?? 0) > arrivedBefore
      if (isWhole && hasArrived) assert.equal(verdict, 'answer')
      if (offset < headLength(response)) {
        assert.notEqual(verdict, 'broken', 'nothing had been sent')
        if (method !== 'POST' && !isLasting) assert.equal(verdict, 'answer', 'another try')
      }
      if (variant.isGathered === true) assert.notEqual(verdict, 'broken', 'nothing had been sent')
      if (method === 'POST') {
        // A mirror is sent its copy.
        const others = variant.route.mirror === undefined ? (backup.arrivals.get(id) ?? 0) : 0
        assert.ok((main.arrivals.get(id) ?? 0) + others <= 1, 'a POST goes out once')
      }
      // The service is well again: on the same connection where there is one, and for the same key.
      plan.times = 0
      const next = await scene.ask(id, 'GET', peer, endsByClose)
      assert.equal(next.verdict, 'answer', 'well again')
      if (verdict === 'broken') assert.notEqual(fieldOf(next.head, 'X-Answer'), fieldOf(head, 'X-Answer'))
      next.peer.socket.destroy()
    })
    await scene.assertClean()
    t.diagnostic(JSON.stringify(verdicts))
  })
}

/** Requests with a body, by how it is delimited. */
const UPLOADS: Readonly<Record<string, (method: string, id: string) => string>> = {
  'a length': requestOf,
  chunks: (method, id) => {
    const chunks = [BODY.slice(0, 5), BODY.slice(5)].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    return `${method} /${id} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`
  },
}

const PLAIN: Variant = { name: 'plain', route: { retry: RETRY, fallback: { response: FIXED } }, kinds: [] }

for (const [form, requestWith] of Object.entries(UPLOADS)) {
  test(`a client dies after every byte of its request with ${form}: no service takes it for a whole one`, {
    timeout: 60_000,
  }, async (t) => {
    const scene = await Scene.start(t, PLAIN)
    const { main, rig } = scene
    const { length } = requestWith('POST', '0000')
    const cases = Array.from({ length: 2 * length }, (_, i) => ({ id: String(i).padStart(4, '0'), offset: i >> 1, isReset: i % 2 === 0 }))
    await all(cases, async ({ id, offset, isReset }) => {
      const request = requestWith(offset % 2 === 0 ? 'PUT' : 'POST', id)
      if (offset >= request.length) return
      const client = await rig.connect()
      client.write(request.slice(0, offset))
      await turn()
      if (isReset) client.reset()
      else {
        client.finish()
        const { text } = await client.readAll()
        assert.ok(text === '' || /^HTTP\/1\.1 4\d\d [\s\S]*\}\n$/.test(text), text)
        client.socket.destroy()
      }
      const next = await scene.ask(`n${id}`)
      assert.equal(next.verdict, 'answer')
      next.peer.socket.destroy()
      assert.equal(main.arrivals.get(id), undefined)
    })
    await scene.assertClean()
  })

  test(`a service dies after every byte of a request with ${form}: PUT is tried again, POST is not`, { timeout: 60_000 }, async (t) => {
    const scene = await Scene.start(t, { ...PLAIN, route: { retry: RETRY } })
    const { rig } = scene
    const { length } = requestWith('POST', '0000')
    for (let i = 0; i < 2 * length; i++) {
      const [id, offset, isReset] = [String(i).padStart(4, '0'), i >> 1, i % 2 === 0]
      const method = offset % 2 === 0 ? 'PUT' : 'POST'
      const service = { hasDied: false }
      const serve = rig.upstream.onConnection
      const request = requestWith(method, id)
      const head = headLength(request)
      const client = await rig.connect()
      rig.upstream.onConnection = async (peer) => {
        rig.upstream.onConnection = serve
        // The gateway's framing may be shorter than the client's: then it dies with all there is.
        for (let turns = 0; peer.bytesReceived < offset && turns < 200; turns++) await turn()
        service.hasDied = true
        if (isReset) peer.reset()
        else peer.socket.destroy()
      }
      // The service has read so much of the body, and no more has come yet, when it dies.
      client.write(request.slice(0, Math.max(head, offset)))
      for (let turns = 0; turns < 20 && !service.hasDied; turns++) await turn()
      client.write(request.slice(Math.max(head, offset)))
      const verdict = judge(await receive(client), scene.legitimate(id))
      if (!service.hasDied) rig.upstream.onConnection = serve
      else if (method === 'PUT') assert.equal(verdict, 'answer', `PUT ${offset}`)
      // With nothing read, nothing may have been sent either: then another try is right.
      else if (offset > 0) assert.equal(verdict, 'error', `POST ${offset}`)
      client.socket.destroy()
      // Connections are made anew each time, so that each is one that dies.
      for (const { socket } of rig.upstream.peers.splice(0)) socket.destroy()
      await eventually(() => rig.upstreamConnections() === 0, 'no connection to a service')
    }
    await scene.assertClean()
  })
}

for (const variant of VARIANTS) {
  test(`a client dies within its response, at every byte of the service's: ${variant.name}`, { timeout: 60_000 }, async (t) => {
    const scene = await Scene.start(t, variant)
    const { main, rig } = scene
    const kinds = variant.kinds.filter((kind) => kind === 'length' || kind === 'chunked')
    const cases = kinds.flatMap((kind) =>
      Array.from({ length: responseOf(kind, answerName('main', '00000', 1)).length }, (_, offset) => ({
        kind,
        offset,
        isReset: offset % 2 === 0,
      })),
    )
    await all(cases, async ({ kind, offset, isReset }) => {
      const id = `${kind[0]}${String(offset).padStart(4, '0')}`
      const { promise: clientGone, resolve: leave } = Promise.withResolvers<void>()
      const { promise: partSent, resolve: tellPart } = Promise.withResolvers<void>()
      main.pauses.set(id, { offset, kind, clientGone, tellPart })
      const client = await rig.connect()
      client.write(requestOf('GET', id))
      await partSent
      for (let i = 0; i < 3; i++) await turn()
      if (isReset) client.reset()
      else client.socket.destroy()
      leave()
      const next = await scene.ask(id)
      assert.equal(next.verdict, 'answer')
      next.peer.socket.destroy()
    })
    await scene.assertClean()
  })
}
