import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EndpointSlice, readEndpointSlice } from './objects.ts'
import { targetsOf } from './targets.ts'

type Endpoint = Readonly<Record<string, unknown>>

const WEB = [{ name: 'web', port: 8080, protocol: 'TCP' }]

function slice(endpoints: readonly Endpoint[] | null, ports: unknown = WEB, addressType = 'IPv4', name = 'api-x1'): EndpointSlice {
  const read = readEndpointSlice({ metadata: { name }, addressType, endpoints, ports })
  assert.ok(read)
  return read
}

const at = (address: string, conditions?: Readonly<Record<string, boolean>>, pod?: string): Endpoint => ({
  addresses: [address],
  ...(conditions && { conditions }),
  ...(pod !== undefined && { targetRef: { kind: 'Pod', uid: pod } }),
})

/** `host:port` of each target, or the problem. */
function found(slices: readonly EndpointSlice[], port: string | null = null): readonly string[] | string {
  const answer = targetsOf(slices, port)
  return 'problem' in answer ? answer.problem : answer.targets.map(({ host, port: number }) => `${host}:${number}`)
}

const READY = { ready: true, serving: true, terminating: false }
const UNREADY = { ready: false, serving: false, terminating: false }
const ENDING = { ready: false, serving: true, terminating: true }
const ENDED = { ready: false, serving: false, terminating: true }

test('endpoints that are ready are targets, and those whose conditions nobody knows', () => {
  assert.deepEqual(found([slice([at('10.0.0.1', READY), at('10.0.0.2', UNREADY), at('10.0.0.3', ENDING), at('10.0.0.4')])]), [
    '10.0.0.1:8080',
    '10.0.0.4:8080',
  ])
})

test('an endpoint that is told to be ready while it ends is one: its service publishes what is not ready', () => {
  assert.deepEqual(found([slice([at('10.0.0.1', { ready: true, serving: false, terminating: true })])]), ['10.0.0.1:8080'])
})

test('where none is ready, those that end and still serve are targets', () => {
  assert.deepEqual(found([slice([at('10.0.0.1', ENDING), at('10.0.0.2', ENDED), at('10.0.0.3', UNREADY)])]), ['10.0.0.1:8080'])
  assert.deepEqual(found([slice([at('10.0.0.2', ENDED), at('10.0.0.3', UNREADY)])]), [])
})

test('several slices are one set, in one order, and what stands in two of them counts once', () => {
  const a = slice([at('10.0.0.2', READY, 'p2'), at('10.0.0.1', READY, 'p1')])
  const b = slice([at('10.0.0.3', READY, 'p3'), at('10.0.0.1', UNREADY, 'p1')])
  const wanted = ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080']
  assert.deepEqual(found([a, b]), wanted)
  assert.deepEqual(found([b, a]), wanted)
})

test('a pod with addresses of two families is one target, and one with the second family alone is one too', () => {
  const four = slice([at('10.0.0.1', READY, 'p1')])
  const six = slice([at('fd00::1', READY, 'p1'), at('fd00::2', READY, 'p2')], WEB, 'IPv6')
  assert.deepEqual(found([six, four]), ['10.0.0.1:8080', 'fd00::2:8080'])
})

test('endpoints may be names', () => {
  assert.deepEqual(found([slice([at('db.example.com')], [{ port: 5432 }], 'FQDN')]), ['db.example.com:5432'])
})

test('the address after the first has no meaning', () => {
  assert.deepEqual(found([slice([{ addresses: ['10.0.0.1', '10.0.0.2'] }, { addresses: [] }, {}])]), ['10.0.0.1:8080'])
})

test('an address or a port that cannot be one is left out', () => {
  const addresses = ['10.0.0.1', '10.0.0.256', 'fd00::1', 'a b', '10.0.0.1/evil', '']
  assert.deepEqual(found([slice(addresses.map((address) => at(address)))]), ['10.0.0.1:8080'])
  assert.deepEqual(found([slice([at('10.0.0.1'), at('a..b c')], [{ port: 80 }], 'FQDN')]), [])
  assert.equal(
    found([slice([at('10.0.0.1')], [{ port: 0 }, { port: 65_536 }, { port: '80' }, { port: 1.5 }])]),
    'has no TCP port at all; there is none',
  )
})

test('a port is chosen by its name, whose number may differ from slice to slice', () => {
  const ports = (web: number) => [
    { name: 'metrics', port: 9090 },
    { name: 'web', port: web },
  ]
  const slices = [slice([at('10.0.0.1')], ports(8080)), slice([at('10.0.0.2')], ports(8081))]
  assert.deepEqual(found(slices, 'web'), ['10.0.0.1:8080', '10.0.0.2:8081'])
  assert.deepEqual(found(slices, 'metrics'), ['10.0.0.1:9090', '10.0.0.2:9090'])
})

test('of several ports one must be named, and one that is not there is told with those that are', () => {
  const ports = [{ name: 'web', port: 8080 }, { name: 'dns', port: 53, protocol: 'UDP' }, { port: 9090 }]
  const slices = [slice([at('10.0.0.1')], ports)]
  assert.equal(found(slices), 'has several ports, of which `port` must name one: `web` (8080), without a name (9090)')
  assert.equal(found(slices, 'http'), 'has no TCP port `http`; there is `web` (8080), without a name (9090)')
  assert.equal(found([slice([at('10.0.0.1')], null)]), 'has no TCP port at all; there is none')
})

test('a slice without endpoints names no ports, and is no problem', () => {
  assert.deepEqual(found([]), [])
  assert.deepEqual(found([slice(null, null)], 'web'), [])
  assert.deepEqual(found([slice(null, null), slice([at('10.0.0.1')])], 'web'), ['10.0.0.1:8080'])
})

test('what is no slice is not read', () => {
  assert.equal(readEndpointSlice({ addressType: 'IPv4' }), null)
  assert.equal(readEndpointSlice({ metadata: { name: 'a' }, addressType: 'IPX' }), null)
})
