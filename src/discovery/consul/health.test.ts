import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { readInstances } from './health.ts'
import { instance } from './testing.ts'

test('targets are in the order of their addresses, with weights', () => {
  const { targets, unusable } = readInstances([
    instance('b', '10.0.0.3', 80, { Weights: { Passing: 5, Warning: 1 } }),
    instance('a', '10.0.0.2', 81),
    instance('c', '2001:db8::1', 80),
    instance('d', 'orders.internal', 80, { Weights: { Passing: 0 } }),
  ])
  assert.deepEqual(targets, [
    { host: '10.0.0.2', port: 81, weight: 1 },
    { host: '10.0.0.3', port: 80, weight: 5 },
    { host: '2001:db8::1', port: 80, weight: 1 },
    { host: 'orders.internal', port: 80, weight: 0 },
  ])
  assert.deepEqual(unusable, [])
})

test('a service without an address of its own is at its node', () => {
  assert.deepEqual(readInstances([instance('a', '', 80)]).targets, [{ host: '10.0.0.1', port: 80, weight: 1 }])
})

test('weights that are not told are 1', () => {
  for (const Weights of [undefined, null, {}]) {
    assert.equal(readInstances([instance('a', '10.0.0.2', 80, { Weights })]).targets[0]?.weight, 1)
  }
})

test('an address that is registered twice is one target, with the higher weight', () => {
  const entries = [instance('a', '10.0.0.2', 80), instance('b', '10.0.0.2', 80, { Weights: { Passing: 3 } }), instance('c', '10.0.0.2', 80)]
  assert.deepEqual(readInstances(entries).targets, [{ host: '10.0.0.2', port: 80, weight: 3 }])
})

test('an instance that cannot be connected to costs only itself', () => {
  const { targets, unusable } = readInstances([
    instance('no-port', '10.0.0.2', 0),
    instance('high-port', '10.0.0.2', 65_536),
    instance('odd', 'a b\r\nx', 80),
    instance('url', 'http://10.0.0.2', 80),
    instance('address-like', '10.0.0.256', 80),
    instance('number', '1', 80),
    instance('good', '10.0.0.2', 80),
  ])
  assert.deepEqual(targets, [{ host: '10.0.0.2', port: 80, weight: 1 }])
  assert.deepEqual(unusable, ['no-port', 'high-port', 'odd', 'url', 'address-like', 'number'])
})

for (const [what, answer, message] of [
  ['an object', {}, 'is no list'],
  ['null', null, 'is no list'],
  ['an entry that is none', [1], 'has no object at [0]'],
  ['no service', [{}], 'has no object at [0].Service'],
  [
    'a port in words',
    [instance('a', '10.0.0.2', 80), instance('b', '10.0.0.2', 80, { Port: '80' })],
    'has no whole number at [1].Service.Port',
  ],
  ['a broken port', [instance('a', '10.0.0.2', 80.5)], 'has no whole number at [0].Service.Port'],
  [
    'a negative weight',
    [instance('a', '10.0.0.2', 80, { Weights: { Passing: -1 } })],
    'has no whole number at [0].Service.Weights.Passing',
  ],
  ['an address that is none', [instance('a', '10.0.0.2', 80, { Address: 5 })], 'has no text at [0].Service.Address'],
  ['no node', [{ Service: { ID: 'a', Address: '', Port: 80 } }], 'has no object at [0].Node'],
] as const) {
  test(`${what} is no answer`, () => {
    assert.throws(() => readInstances(answer), { message })
  })
}

test('whatever is answered is read or refused with a sentence', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.anything(), (json, anything) => {
      for (const answer of [json, anything, [json], [{ Service: json, Node: anything }]]) {
        try {
          readInstances(answer)
        } catch (error) {
          assert.match(String(error), /^Error: (is no|has no) /)
        }
      }
    }),
  )
})
