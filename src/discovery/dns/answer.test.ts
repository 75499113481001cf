import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { array, assert as assertProperty, constantFrom, integer, nat, property, record } from 'fast-check'
import { readResponse } from './answer.ts'
import { decodeResponse, type Question, type RecordType } from './message.ts'
import { responseBytes, type Scripted } from './testing.ts'

function read(scripted: Scripted, name = 'a.test', type: RecordType = 'A') {
  const response = decodeResponse(responseBytes({ id: 1, name, type }, scripted))
  assert.ok(response)
  return readResponse(response, { name, type })
}

test('the time of what is not there is the lesser of its authority and that authority’s minimum, and 0 without', () => {
  const none = { kind: 'none', why: 'NXDOMAIN' }
  assert.deepEqual(read({ code: 3, authorities: ['test 60 SOA 5'] }), { ...none, ttlMs: 5_000 })
  assert.deepEqual(read({ code: 3, authorities: ['test 4 SOA 50'] }), { ...none, ttlMs: 4_000 })
  assert.deepEqual(read({ code: 3 }), { ...none, ttlMs: 0 })
})

test('an alias that leads to nothing is what the server says of its end', () => {
  const answers = ['a.test 7 CNAME b.test']
  assert.deepEqual(read({ code: 3, answers, authorities: ['test 60 SOA 60'] }), { kind: 'none', why: 'NXDOMAIN', ttlMs: 7_000 })
  assert.deepEqual(read({ answers, authorities: ['test 60 SOA 5'] }), { kind: 'none', why: 'NODATA', ttlMs: 5_000 })
  assert.deepEqual(read({ answers }), { kind: 'alias', name: 'b.test', ttlMs: 7_000 })
})

test('no records and no authority are no records, unless the server refers to others', () => {
  assert.equal(read({}).kind, 'none')
  const authorities = ['test 60 NS ns.test']
  assert.equal(read({ authorities }).kind, 'fault')
  assert.equal(read({ authorities, authoritative: true }).kind, 'none')
})

test('records of other names and types are left out, equal ones told once', () => {
  const answers = ['a.test 9 A 10.0.0.1', 'A.TEST 9 A 10.0.0.1', 'b.test 1 A 10.9.9.9', 'a.test 1 AAAA fd00:0:0:0:0:0:0:1']
  assert.deepEqual(read({ answers }), { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 9_000 })
})

test('a code that has no name is told as a number', () => {
  assert.deepEqual(read({ code: 9 }), { kind: 'fault', reason: 'code 9' })
})

const NAMES = ['a.test', 'b.test', 'c.test', '']
const LINES = NAMES.flatMap((name) => [
  ...NAMES.map((other) => `${name} 5 CNAME ${other}`),
  `${name} 3 A 10.0.0.1`,
  `${name} 3 AAAA fd00:0:0:0:0:0:0:1`,
  `${name} 3 SRV 1 1 80 b.test`,
  `${name} 3 SOA 4`,
  `${name} 3 NS b.test`,
])

test('whatever a server says, and however it is damaged, is read: addresses are addresses, and times are none before now', () => {
  const lines = array(constantFrom(...LINES), { maxLength: 25 })
  const change = record({ at: integer({ min: 2, max: 500 }), to: nat(255) })
  assertProperty(
    property(
      record({ answers: lines, authorities: lines, additionals: lines, code: constantFrom(0, 0, 0, 3) }),
      array(change, { maxLength: 4 }),
      constantFrom<RecordType>('A', 'AAAA', 'SRV'),
      (scripted, changes, type) => {
        const question: Question = { name: 'a.test', type }
        const bytes = responseBytes({ id: 1, ...question }, scripted)
        for (const { at, to } of changes) if (at < bytes.length) bytes.writeUInt8(to, at)
        const response = decodeResponse(bytes)
        if (response === null) return
        const reading = readResponse(response, question)
        if (reading.kind !== 'fault') assert.ok(reading.ttlMs >= 0 && reading.ttlMs < 2 ** 31 * 1_000)
        const addresses =
          reading.kind === 'addresses'
            ? reading.addresses
            : reading.kind === 'services'
              ? reading.services.flatMap((one) => one.addresses)
              : []
        for (const address of addresses) assert.ok(isIP(address) !== 0, address)
      },
    ),
    { numRuns: 3_000 },
  )
})
