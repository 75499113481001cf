import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as assertProperty, constantFrom, integer, nat, oneof, property, record, uint8Array } from 'fast-check'
import { answersQuestion, decodeResponse, encodeQuery, type Question } from './message.ts'
import { responseBytes } from './testing.ts'

const QUESTION: Question = { name: 'users.test', type: 'A' }
const ASKED = { id: 7, name: 'users.test', type: 'A' }

test('a query is what RFC 1035 says, with the size of answers that we take', () => {
  const header = '0007 0100 0001 0000 0000 0001'
  const question = '05 7573657273 04 74657374 00 0001 0001'
  const edns = '00 0029 04d0 00000000 0000'
  assert.equal(encodeQuery(7, QUESTION, true)?.toString('hex'), `${header}${question}${edns}`.replaceAll(' ', ''))
  assert.equal(
    encodeQuery(7, { ...QUESTION, name: 'users.test.' }, false)
      ?.toString('hex')
      .endsWith('0000010001'),
    true,
  )
})

test('a name that cannot be asked for gives no query', () => {
  const long = Array.from({ length: 8 }, () => 'a'.repeat(32)).join('.')
  for (const name of ['', '.', 'a..b', 'a b', 'ä', '\\046', 'a'.repeat(64), long]) {
    assert.equal(encodeQuery(1, { name, type: 'A' }, true), null, name)
  }
})

test('records are read, those of no meaning here left out', () => {
  const bytes = responseBytes(ASKED, {
    authoritative: true,
    answers: [
      'USERS.test 30 CNAME b.test',
      'b.test 4294967295 A 10.0.0.1',
      'b.test 5 TXT hello',
      'b.test 5 AAAA fd00:0:0:0:0:0:0:1',
      '_x._tcp.test 9 SRV 1 2 8080 b.test',
    ],
    authorities: ['test 60 SOA 2', 'test 60 NS ns.test'],
  })
  assert.deepEqual(decodeResponse(bytes), {
    id: 7,
    isAuthoritative: true,
    isTruncated: false,
    code: 0,
    answers: [
      { name: 'users.test', ttl: 30, type: 'CNAME', target: 'b.test' },
      { name: 'b.test', ttl: 0, type: 'A', address: '10.0.0.1' },
      { name: 'b.test', ttl: 5, type: 'AAAA', address: 'fd00::1' },
      { name: '_x._tcp.test', ttl: 9, type: 'SRV', priority: 1, weight: 2, port: 8080, target: 'b.test' },
    ],
    authorities: [
      { name: 'test', ttl: 60, type: 'SOA', minimum: 2 },
      { name: 'test', ttl: 60, type: 'NS' },
    ],
    additionals: [],
  })
})

/** A response with one answer of this name, given as bytes in hexadecimal, of type A. */
function withName(name: string): Buffer {
  const head = responseBytes(ASKED, {})
  head.writeUInt16BE(1, 6)
  return Buffer.concat([head, Buffer.from(`${name}000100010000000500040a000001`.replaceAll(' ', ''), 'hex')])
}

test('names are shortened by pointers to what came before', () => {
  // The question's name begins at 12, its second label at 18; the answer begins at 28.
  assert.equal(decodeResponse(withName('c00c'))?.answers[0]?.name, 'users.test')
  assert.equal(decodeResponse(withName('0161 c012'))?.answers[0]?.name, 'a.test')
})

test('a pointer that leads forward, to itself or round in a circle is no name', () => {
  for (const name of ['c01c', 'c01d', 'c0ff', 'ffff', '0161c01c', 'c0']) assert.equal(decodeResponse(withName(name)), null, name)
})

test('labels with the old extension bits and names beyond 255 bytes are refused', () => {
  assert.equal(decodeResponse(withName('41 61 00')), null)
  assert.equal(decodeResponse(withName(`${`3f${'61'.repeat(63)}`.repeat(4)}00`)), null)
})

test('bytes of a label that would read as another name are written as numbers', () => {
  assert.equal(decodeResponse(withName('03 612e62 00'))?.answers[0]?.name, 'a\\046b')
  assert.equal(decodeResponse(withName('02 0041 00'))?.answers[0]?.name, '\\000a')
})

test('addresses of a wrong length and data that ends elsewhere are refused', () => {
  const head = responseBytes(ASKED, {})
  head.writeUInt16BE(1, 6)
  const withData = (data: string): Buffer => Buffer.concat([head, Buffer.from(`00${data}`.replaceAll(' ', ''), 'hex')])
  for (const data of ['0001 0001 00000005 0003 0a0000', '001c 0001 00000005 0004 0a000001', '0005 0001 00000005 0002 016100']) {
    assert.equal(decodeResponse(withData(data)), null, data)
  }
})

test('only the response to this very question is its answer', () => {
  const right = responseBytes(ASKED, {})
  assert.equal(answersQuestion(right, 7, QUESTION), true)
  assert.equal(answersQuestion(right, 7, { name: 'USERS.test.', type: 'A' }), true)
  assert.equal(answersQuestion(right, 8, QUESTION), false)
  assert.equal(answersQuestion(right, 7, { ...QUESTION, type: 'AAAA' }), false)
  assert.equal(answersQuestion(right, 7, { ...QUESTION, name: 'user.test' }), false)
  assert.equal(answersQuestion(encodeQuery(7, QUESTION, false) ?? right, 7, QUESTION), false, 'a query')
  assert.equal(answersQuestion(right.subarray(0, 12), 7, QUESTION), false)
})

test('no bytes make reading throw', () => {
  assertProperty(
    property(uint8Array({ maxLength: 600 }), (bytes) => {
      decodeResponse(Buffer.from(bytes))
      answersQuestion(Buffer.from(bytes), 7, QUESTION)
    }),
    { numRuns: 2_000 },
  )
})

test('a response with some bytes changed, cut or added is read or refused, within its own size', () => {
  const line = oneof(
    constantFrom(
      'users.test 30 CNAME b.test',
      'b.test 5 A 10.0.0.1',
      '_x._tcp.test 9 SRV 1 2 80 b.test',
      'test 60 SOA 2',
      'b.test 1 TXT x',
    ),
  )
  const change = record({ at: nat(400), to: integer({ min: 0, max: 255 }) })
  assertProperty(
    property(
      array(line, { maxLength: 8 }),
      array(change, { maxLength: 12 }),
      nat(400),
      uint8Array({ maxLength: 30 }),
      (answers, changes, cut, more) => {
        const bytes = Buffer.concat([responseBytes(ASKED, { answers }), more])
        for (const { at, to } of changes) if (at < bytes.length) bytes.writeUInt8(to, at)
        const response = decodeResponse(bytes.subarray(0, Math.max(cut, 12)))
        const count = response === null ? 0 : response.answers.length + response.authorities.length + response.additionals.length
        assert.ok(count <= bytes.length / 11)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('names that lead through all names before them end at the bound of a name', () => {
  const head = responseBytes(ASKED, {})
  const records: Buffer[] = []
  let at = head.length
  let before = 12
  for (let i = 0; i < 5_000 && at < 0x3fff; i++) {
    const record = Buffer.from(`0161${(0xc000 | before).toString(16)}00ff0001000000010000`, 'hex')
    records.push(record)
    before = at
    at += record.length
  }
  head.writeUInt16BE(records.length, 6)
  assert.equal(decodeResponse(Buffer.concat([head, ...records])), null)
})
