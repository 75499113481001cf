import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  array,
  assert as assertProperty,
  commands,
  constantFrom,
  type ICommand,
  modelRun,
  property,
  record,
  stringMatching,
  tuple,
} from 'fast-check'
import { foldName } from './header-names.ts'
import { Headers } from './headers.ts'

type Pair = readonly [string, string]

/** A block as a parser leaves it, with bytes of something else around it. */
function received(pairs: readonly Pair[]): Headers {
  const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`)
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${lines.join('')}\r\nbody`, 'latin1')
  const headers = new Headers()
  let at = 16
  headers.reset(bytes, at)
  for (const [i, [name, value]] of pairs.entries()) {
    headers.addParsed(at, at + name.length, at + name.length + 2, at + name.length + 2 + value.length)
    at += lines[i]?.length ?? 0
  }
  headers.end = at
  return headers
}

function written(headers: Headers): string {
  const target = Buffer.alloc(headers.sizeMax() + 2, '#')
  const end = headers.writeTo(target, 1)
  assert.ok(end <= headers.sizeMax() + 1)
  assert.equal(target.latin1Slice(0, 1), '#')
  assert.equal(target.latin1Slice(end), '#'.repeat(target.length - end))
  return target.latin1Slice(1, end)
}

const FIELDS: readonly Pair[] = [
  ['Host', 'h'],
  ['X-Own', '1'],
  ['Cookie', 'a=b'],
  ['x-OWN', '2'],
  ['Empty', ''],
]

test('fields are found in any case, first value and all', () => {
  const headers = received(FIELDS)
  assert.equal(headers.get('hOST'), 'h')
  assert.equal(headers.get('x-own'), '1')
  assert.deepEqual(headers.getAll('X-OWN'), ['1', '2'])
  assert.equal(headers.getJoined('x-own'), '1, 2')
  assert.equal(headers.get('empty'), '')
  assert.equal(headers.has('Empty'), true)
  assert.equal(headers.get('absent'), undefined)
  assert.equal(headers.getJoined('absent'), undefined)
  assert.equal(headers.has('x-ow'), false)
})

test('a block that was not edited is written as the very bytes that came', () => {
  assert.equal(written(received(FIELDS)), 'Host: h\r\nX-Own: 1\r\nCookie: a=b\r\nx-OWN: 2\r\nEmpty: \r\n')
  assert.equal(written(received([])), '')
})

test('a deleted field is gone with all its values, and no other', () => {
  const headers = received(FIELDS)
  assert.equal(headers.delete('X-Own'), true)
  assert.equal(headers.delete('X-Own'), false)
  assert.equal(headers.delete('absent'), false)
  assert.equal(written(headers), 'Host: h\r\nCookie: a=b\r\nEmpty: \r\n')
})

test('set puts one value in place of all, append adds one behind', () => {
  const headers = received([...FIELDS, ['Own-Set', '1']])
  headers.set('Own-Set', '3')
  headers.append('Own-Set', '4')
  headers.append('Cookie', 'c=d')
  assert.deepEqual(headers.getAll('own-set'), ['3', '4'])
  assert.deepEqual(headers.getAll('cookie'), ['a=b', 'c=d'])
  headers.set('Own-Set', '5')
  assert.deepEqual(headers.getAll('own-set'), ['5'])
  assert.equal(written(headers), 'Host: h\r\nX-Own: 1\r\nCookie: a=b\r\nx-OWN: 2\r\nEmpty: \r\nCookie: c=d\r\nOwn-Set: 5\r\n')
})

test('what a peer names is removed from what was received, and its spelling is not kept', () => {
  const headers = received([
    ['x-peer-name', '1'],
    ['X-Peer', '2'],
    ['X-PEER-NAME', '3'],
  ])
  headers.deleteReceived('x-peer-name')
  assert.equal(written(headers), 'X-Peer: 2\r\n')
  headers.set('X-Peer-Name', '4')
  assert.equal(written(headers), 'X-Peer: 2\r\nX-Peer-Name: 4\r\n')
})

test('no spelling of a name that a service may take for ours is left of what was received', () => {
  const headers = received([
    ['X-User-ID', '1'],
    ['Host', 'h'],
    ['x_user_id', '2'],
    ['X_User-ID', '3'],
    ['X.User~ID', '4'],
    ['XXUser-ID', '5'],
    ['X-User-IDs', '6'],
    // As long as the one that is looked for, modulo 32.
    [`X-User-ID${'-'.repeat(32)}`, '7'],
  ])
  headers.append('X-User-ID', 'ours')
  headers.deleteForged(foldName('X_USER-ID'))
  assert.equal(written(headers), `Host: h\r\nXXUser-ID: 5\r\nX-User-IDs: 6\r\nX-User-ID${'-'.repeat(32)}: 7\r\nX-User-ID: ours\r\n`)
  headers.clearEdits()
  headers.deleteForged(foldName('X-None'))
  assert.equal(headers.getAll('x_user_id').length, 1)
})

test('taking edits back leaves what was received, less what the framing took out', () => {
  const headers = received(FIELDS)
  headers.deleteAt(0)
  headers.deleteAt(0)
  headers.freeze()
  const before = written(headers)
  for (let round = 0; round < 2; round++) {
    headers.delete('Cookie')
    headers.set('X-Own', '3')
    headers.clearEdits()
    assert.equal(written(headers), before)
    assert.equal(headers.get('host'), undefined)
    assert.deepEqual(headers.getAll('x-own'), ['1', '2'])
  }
})

test('a mark is come back to, from further edits and from edits taken back', () => {
  const headers = received(FIELDS)
  headers.delete('Cookie')
  headers.set('A', '1')
  const mark = headers.mark()
  const before = written(headers)
  headers.set('A', '2')
  headers.delete('Host')
  headers.restore(mark)
  assert.equal(written(headers), before)
  headers.append('B', '3')
  headers.clearEdits()
  headers.restore(mark)
  assert.equal(written(headers), before)
})

test('a block is moved with its bytes', () => {
  const headers = received(FIELDS)
  const before = headers.toPairs()
  const moved = Buffer.from(headers.bytes.subarray(16))
  headers.bytes.fill(0)
  headers.rebase(moved, -16)
  assert.deepEqual(headers.toPairs(), before)
  assert.equal(headers.begin, 0)
})

test('a clone shares nothing with its block', () => {
  const headers = received(FIELDS)
  headers.set('Added', 'x: y')
  const clone = headers.clone()
  const before = headers.toPairs()
  headers.bytes.fill(0)
  headers.delete('Added')
  assert.deepEqual(clone.toPairs(), before)
})

test('a reset block holds nothing of the last message', () => {
  const headers = received(FIELDS)
  headers.deleteAt(1)
  headers.freeze()
  headers.set('A', 'b')
  headers.reset(Buffer.alloc(0), 0)
  assert.deepEqual(headers.toPairs(), [])
  assert.equal(headers.has('Host'), false)
  headers.clearEdits()
  assert.equal(written(headers), '')
})

test('a field that would not be one line is refused', () => {
  const headers = new Headers()
  for (const name of ['', 'a b', 'a:', 'a\r\n', '\u00e9']) assert.throws(() => headers.append(name, 'v'), { code: 'internal_error' }, name)
  for (const value of ['a\r\nb', '\n', '\0', '\u007f', '\u0100']) {
    assert.throws(() => headers.set('X-A', value), { code: 'request_malformed' }, JSON.stringify(value))
    assert.throws(() => Headers.from([['X-A', value]]), { code: 'request_malformed' })
  }
  assert.deepEqual(headers.toPairs(), [])
  for (const value of ['', 'a\tb', '\u00ff', ' ']) headers.set('X-A', value)
})

// The same operations on a list of pairs, which is slow and plainly right.

const names = ['Host', 'host', 'X-A', 'x-a', 'X-B', 'Cookie', 'Traceparent', 'Sec-WebSocket-Key', 'Content-Length', 'Z'] as const
const anyName = constantFrom(...names)
const anyValue = stringMatching(/^[a-z]{0,30}$/)

interface Model {
  base: [string, string][]
  pairs: [string, string][]
  mark: [string, string][] | null
}

interface Real {
  readonly headers: Headers
  mark: ReturnType<Headers['mark']> | null
}

type Kind = 'delete' | 'set' | 'append' | 'clear' | 'mark' | 'restore'

/** One operation on both, and what must hold after it. */
class Operation implements ICommand<Model, Real, void> {
  readonly #kind: Kind
  readonly #name: string
  readonly #value: string

  constructor(kind: Kind, name: string, value: string) {
    this.#kind = kind
    this.#name = name
    this.#value = value
  }

  check(model: Readonly<Model>): boolean {
    return this.#kind !== 'restore' || model.mark !== null
  }

  run(model: Model, real: Real): void {
    const lower = this.#name.toLowerCase()
    const { headers } = real
    if (this.#kind === 'delete' || this.#kind === 'set') {
      const had = model.pairs.some(([name]) => name === lower)
      model.pairs = model.pairs.filter(([name]) => name !== lower)
      if (this.#kind === 'delete') assert.equal(headers.delete(this.#name), had)
      else headers.set(this.#name, this.#value)
    }
    if (this.#kind === 'append') headers.append(this.#name, this.#value)
    if (this.#kind === 'append' || this.#kind === 'set') model.pairs = [...model.pairs, [lower, this.#value]]
    if (this.#kind === 'clear') {
      headers.clearEdits()
      model.pairs = model.base
    }
    if (this.#kind === 'mark') {
      real.mark = headers.mark()
      model.mark = model.pairs
    }
    if (this.#kind === 'restore' && real.mark !== null && model.mark !== null) {
      headers.restore(real.mark)
      model.pairs = model.mark
    }
    assert.deepEqual(headers.toPairs(), model.pairs)
    assert.deepEqual(parsePairs(written(headers)), model.pairs)
    for (const name of names) {
      const values = model.pairs.filter(([other]) => other === name.toLowerCase()).map(([, value]) => value)
      assert.deepEqual(headers.getAll(name), values)
      assert.equal(headers.get(name), values[0])
      assert.equal(headers.has(name), values.length > 0)
    }
  }

  toString(): string {
    return `${this.#kind} ${this.#name} ${this.#value}`
  }
}

function parsePairs(lines: string): [string, string][] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
    })
}

test('whatever is done to a block, it holds what a list of pairs would', () => {
  const kinds = constantFrom('delete', 'set', 'append', 'clear', 'mark', 'restore')
  const operation = record({ kind: kinds, name: anyName, value: anyValue }).map(({ kind, name, value }) => new Operation(kind, name, value))
  const steps = commands([operation], { maxCommands: 20 })
  assertProperty(
    property(array(tuple(anyName, anyValue), { maxLength: 40 }), constantFrom(0, 1, 3), steps, (pairs, frozen, operations) => {
      const headers = received(pairs)
      // The framing takes some out before anyone else sees the block.
      for (let i = 0; i < Math.min(frozen, pairs.length); i++) headers.deleteAt(i)
      headers.freeze()
      const base = pairs.slice(frozen).map(([name, value]): [string, string] => [name.toLowerCase(), value])
      modelRun(() => ({ model: { base, pairs: base, mark: null }, real: { headers, mark: null } }), operations)
    }),
    { numRuns: 300 },
  )
})

test('a rename moves all values, received and edited, in place of what the new name had', () => {
  const headers = received([
    ['X-Old', '1'],
    ['X-New', 'theirs'],
    ['x-old', '2'],
    ['X-Other', '3'],
  ])
  headers.append('X-OLD', '4')
  assert.equal(headers.rename('x-old', 'X-New'), true)
  assert.deepEqual(headers.getAll('x-new').toSorted(), ['1', '2', '4'])
  assert.equal(headers.has('X-Old'), false)
  assert.equal(headers.rename('X-Old', 'X-Other'), false)
  assert.equal(headers.get('X-Other'), '3')
  assert.equal(headers.rename('X-NEW', 'x-new'), true)
  assert.equal(headers.getAll('X-New').length, 3)
  headers.clearEdits()
  assert.deepEqual(headers.getAll('X-Old'), ['1', '2'])
})

test('received fields and edits can be walked over without making strings of all of them', () => {
  const headers = Headers.from([
    ['A', 'one'],
    ['Bc', ''],
  ]).clone()
  headers.append('X-Edit', 'two')
  const names = Array.from({ length: headers.count }, (_, i) => headers.bytes.latin1Slice(headers.nameStartAt(i), headers.nameEndAt(i)))
  assert.deepEqual(names, ['A', 'Bc'])
  assert.equal(headers.editCount, 1)
  assert.deepEqual([headers.editNameAt(0).lower, headers.editValueAt(0)], ['x-edit', 'two'])
})

test('a value that comes again and again is written as it is, in each block and beside others', () => {
  for (const values of [
    ['a', 'a', 'a'],
    ['a', 'a', 'a', 'b', 'b', 'a', 'b', 'b', 'b'],
    ['', '', ''],
    ['é'.repeat(40), 'é'.repeat(40)],
  ]) {
    for (const name of ['X-Forwarded-For', 'X-Again']) {
      for (const value of [...values, 'x'.repeat(1_000), 'x'.repeat(1_000)]) {
        const headers = new Headers()
        headers.set('X-Before', value.slice(0, 2))
        headers.set(name, value)
        headers.append(name, 'b')
        assert.equal(written(headers), `X-Before: ${value.slice(0, 2)}\r\n${name}: ${value}\r\n${name}: b\r\n`)
      }
    }
  }
})

test('a value that is known to be fit takes the place of others, under a name that is looked at all the same', () => {
  const headers = received([['X-Id', 'from-the-client']])
  headers.append('x-id', 'other')
  headers.setKnown('X-Id', 'one')
  headers.setKnown('X-Id', 'two')
  assert.equal(written(headers), 'X-Id: two\r\n')
  assert.throws(() => headers.setKnown('X Id', 'one'), { code: 'internal_error' })
  assert.throws(() => headers.setKnown('', 'one'), { code: 'internal_error' })
})
