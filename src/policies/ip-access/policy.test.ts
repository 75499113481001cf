import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { PolicySurroundings } from '../../core/policy.ts'
import { DetailedTrace } from '../../core/trace.ts'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { BlockSet, comparable, parseBlock } from './block.ts'
import { ipAccess } from './policy.ts'
import { schema } from './schema.ts'

const AROUND: PolicySurroundings = {
  optionsOf: () => undefined,
  authenticates: false,
  stores: new Set(),
  consumers: new Set(),
  clientCertificates: false,
}

/** Whether a client from there may pass, alone and again behind another one, so that a kept verdict shows. */
async function passes(options: unknown, address: string): Promise<boolean> {
  const steps = await compilePolicy(ipAccess, options)
  const verdictFor = (peerAddress: string) => onRequest(steps, exchangeOf({ peerAddress }))
  const verdict = verdictFor(address)
  verdictFor('198.51.100.1')
  assert.deepEqual(verdictFor(address), verdict)
  assert.deepEqual(verdictFor(address), verdict)
  assert.ok(verdict === undefined || verdict.code === 'address_denied')
  return verdict === undefined
}

const CASES: readonly (readonly [string, { readonly allow?: string[]; readonly deny?: string[] }, string, boolean])[] = [
  ['an address in deny is refused', { deny: ['192.0.2.7'] }, '192.0.2.7', false],
  ['its neighbour is not', { deny: ['192.0.2.7'] }, '192.0.2.8', true],
  ['the first of a block', { deny: ['192.0.2.0/28'] }, '192.0.2.0', false],
  ['the last of a block', { deny: ['192.0.2.0/28'] }, '192.0.2.15', false],
  ['the first behind a block', { deny: ['192.0.2.0/28'] }, '192.0.2.16', true],
  ['bits behind the prefix do not count', { deny: ['192.0.2.9/28'] }, '192.0.2.1', false],
  ['all of IPv4', { deny: ['0.0.0.0/0'] }, '203.0.113.1', false],
  ['all of IPv4 is not IPv6', { deny: ['0.0.0.0/0'] }, '2001:db8::1', true],
  ['all of IPv6', { deny: ['::/0'] }, '2001:db8::1', false],
  ['all of IPv6 is not IPv4', { deny: ['::/0'] }, '192.0.2.1', true],
  ['all of IPv6 is not IPv4 in IPv6 form', { deny: ['::/0'] }, '::ffff:192.0.2.1', true],
  ['an allow list refuses others', { allow: ['192.0.2.0/24'] }, '198.51.100.1', false],
  ['an allow list lets its own pass', { allow: ['192.0.2.0/24'] }, '192.0.2.200', true],
  ['an allow list of IPv4 refuses IPv6', { allow: ['0.0.0.0/0'] }, '2001:db8::1', false],
  ['an allow list of IPv6 refuses IPv4', { allow: ['::/0'] }, '192.0.2.1', false],
  ['deny beats allow', { allow: ['192.0.2.0/24'], deny: ['192.0.2.66'] }, '192.0.2.66', false],
  ['deny beats a narrower allow', { allow: ['192.0.2.66'], deny: ['192.0.2.0/24'] }, '192.0.2.66', false],
  ['IPv6 block', { allow: ['2001:db8::/32'] }, '2001:db8:ffff::1', true],
  ['outside of an IPv6 block', { allow: ['2001:db8::/32'] }, '2001:db9::', false],
  ['another spelling of an IPv6 address', { deny: ['2001:db8::1'] }, '2001:0DB8:0:0:0:0:0:1', false],
  ['IPv4 in IPv6 form', { deny: ['192.0.2.7'] }, '::ffff:192.0.2.7', false],
  ['IPv4 in IPv6 form, in capitals', { deny: ['192.0.2.7'] }, '::FFFF:192.0.2.7', false],
  ['IPv4 in IPv6 form, in hexadecimal', { deny: ['192.0.2.7'] }, '0:0:0:0:0:ffff:c000:207', false],
  ['a zone does not count', { allow: ['fe80::/10'] }, 'fe80::1%eth0', true],
  ['what is no address never passes', { deny: ['192.0.2.7'] }, 'unknown', false],
]

for (const [name, options, address, expected] of CASES) {
  test(`${name}: ${JSON.stringify(options)} and ${address}`, async () => {
    assert.equal(await passes(options, address), expected)
  })
}

test('the true client counts, or the peer where that is asked for', async () => {
  const exchange = exchangeOf({ peerAddress: '10.0.0.1', trusted: true })
  exchange.client.address = '192.0.2.7'
  const byClient = await compilePolicy(ipAccess, { deny: ['192.0.2.7'] })
  const byPeer = await compilePolicy(ipAccess, { deny: ['192.0.2.7'], by: 'peer' })
  assert.equal(onRequest(byClient, exchange)?.code, 'address_denied')
  assert.equal(onRequest(byPeer, exchange), undefined)
})

test('explain is told which address was looked at and why', async () => {
  const exchange = exchangeOf({ peerAddress: '192.0.2.7' })
  const trace = new DetailedTrace()
  exchange.trace = trace
  onRequest(await compilePolicy(ipAccess, { allow: ['10.0.0.0/8'] }), exchange)
  assert.deepEqual(trace.pending, ['client 192.0.2.7 is not in `allow`'])
})

test('what is no address and no block is refused, and so are lists that say nothing', async () => {
  const wrong = [
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%eth0',
    'example.com',
    '010.0.0.1',
  ]
  for (const text of wrong) assert.equal((await problemsOf(ipAccess, { deny: [text] })).length, 1, text)
  assert.deepEqual(await problemsOf(ipAccess, { deny: ['10.0.0.0/33'] }), [
    'expected a prefix length of 0 to 32 behind the slash, found `10.0.0.0/33`',
  ])
  assert.deepEqual(await problemsOf(ipAccess, { allow: ['::ffff:10.0.0.0/104'] }), [
    '`::ffff:10.0.0.0/104` is an IPv4 address in IPv6 form: write it as IPv4, clients are compared so',
  ])
  assert.deepEqual(await problemsOf(ipAccess, {}), ['expected `allow`, `deny` or both'])
  for (const options of [{ allow: [] }, { deny: [] }, { deny: ['10.0.0.1'], by: 'proxy' }]) {
    assert.notDeepEqual(await problemsOf(ipAccess, options), [], JSON.stringify(options))
  }
})

test('check warns of entries that have no effect', () => {
  const remarks = (options: unknown) =>
    (ipAccess.review?.(schema.parse(options), AROUND) ?? []).map(
      ({ severity, path, message }) => `${severity} ${path.join('.')}: ${message}`,
    )
  assert.deepEqual(remarks({ allow: ['10.0.0.0/8', '2001:db8::/32'], deny: ['10.1.0.0/16', '192.0.2.1'] }), [])
  assert.deepEqual(remarks({ allow: ['10.1.2.3', '10.1.0.0/16', '10.0.0.1/8'], deny: ['10.1.2.0/24', '10.1.2.0/24'] }), [
    'warning deny.1: `10.1.2.0/24` adds nothing: `10.1.2.0/24` is in the same list',
    'warning allow.2: `10.0.0.1/8` has bits set behind its prefix, which do not count',
    'warning allow.1: `10.1.0.0/16` adds nothing: `10.0.0.1/8` is in the same list',
    'warning allow.0: `10.1.2.3` adds nothing: `10.0.0.1/8` is in the same list',
  ])
  assert.deepEqual(remarks({ allow: ['2001:db8::1'], deny: ['2001:db8::/32'] }), [
    'warning allow.0: `2001:db8::1` never passes: `deny` has `2001:db8::/32`',
  ])
})

test('a block covers exactly those blocks whose bits begin with its own', () => {
  const block = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, prefix]) => `${address}/${prefix}`)
  const bitsOf = (text: string): string => {
    const [address = '', prefix] = text.split('/')
    const bits = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
    return bits.join('').slice(0, Number(prefix))
  }
  fc.assert(
    fc.property(fc.array(block, { maxLength: 4 }), block, (others, one) => {
      const set = new BlockSet()
      for (const other of others) {
        const parsed = parseBlock(other)
        if (!('problem' in parsed)) set.add(parsed)
      }
      const parsed = parseBlock(one)
      assert.ok(!('problem' in parsed))
      assert.equal(
        set.covering(parsed) !== null,
        others.some((other) => bitsOf(one).startsWith(bitsOf(other))),
      )
    }),
  )
})

test('any spelling of an IPv6 address is read as URLs read it', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
      const [one, other] = [parseBlock(address), parseBlock(canonical)]
      if ('problem' in one || 'problem' in other) assert.deepEqual('problem' in one, 'problem' in other)
      else assert.equal(one.network, other.network)
      assert.equal(comparable(address).includes(':'), !canonical.startsWith('::ffff:'))
    }),
  )
})

test('a refusal has the status and the message that are configured, with the address in it', async () => {
  const steps = await compilePolicy(ipAccess, { deny: ['192.0.2.0/24'], status: 451, message: 'Not from {address}' })
  for (const peerAddress of ['192.0.2.1', '192.0.2.2', '192.0.2.2']) {
    const verdict = onRequest(steps, exchangeOf({ peerAddress }))
    assert.deepEqual([verdict?.status, verdict?.detail, verdict?.code], [451, `Not from ${peerAddress}`, 'address_denied'])
  }
  assert.equal(onRequest(steps, exchangeOf({ peerAddress: '198.51.100.1' })), undefined)
})
