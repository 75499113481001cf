import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitsTap, type TappedExchange, type TapRule } from '../core/tap.ts'
import { TAPS_MAX, TapDesk } from './tap-desk.ts'

const EXCHANGE: TappedExchange = {
  requestId: 'r1',
  time: '2026-01-01T00:00:00.000Z',
  client: '192.0.2.1',
  method: 'GET',
  host: 'shop.example',
  path: '/a/b',
  route: 'one',
  service: 's',
  consumer: 'app',
  status: 404,
  error: null,
  attempts: 1,
  target: '10.0.0.1:80',
  requestBytes: 0,
  responseBytes: 5,
  durationMs: 1.5,
  lot: 0.3,
}

test('a tap takes what fits all that it says', () => {
  const cases: [Partial<TapRule>, boolean][] = [
    [{}, true],
    [{ route: 'one', service: 's', consumer: 'app', path: '/b', statusMin: 400, statusMax: 499 }, true],
    [{ route: 'two' }, false],
    [{ service: 't' }, false],
    [{ consumer: '' }, false],
    [{ error: 'rate_limited' }, false],
    [{ path: '/c' }, false],
    [{ statusMin: 500, statusMax: 599 }, false],
    [{ ratio: 0.3 }, false],
    [{ ratio: 0.31 }, true],
  ]
  for (const [rule, expected] of cases) assert.equal(fitsTap({ ratio: 1, ...rule }, EXCHANGE), expected, JSON.stringify(rule))
})

test('the workers have the rules of those who watch, and none when nobody does', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const told: number[] = []
  const desk = new TapDesk((rules) => void told.push(rules.length))
  const closes = Array.from({ length: TAPS_MAX }, () =>
    desk.stream({ ratio: 1 }).open(
      () => true,
      () => {},
    ),
  )
  assert.equal(desk.isFull, true)
  let ended = 0
  desk.stream({ ratio: 1 }).open(
    () => true,
    () => ended++,
  )
  assert.equal(ended, 1, 'one too many ends at once')
  for (const close of closes) close()
  assert.deepEqual(told, [1, 2, 3, 4, 5, 4, 3, 2, 1, 0])
})

test('a client that does not keep up loses exchanges and is told how many, at the place where they are missing', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const desk = new TapDesk(() => {})
  const seen: string[] = []
  let isSlow = false
  const close = desk.stream({ ratio: 1 }).open(
    (text) => {
      if (!isSlow) seen.push(text)
      return !isSlow
    },
    () => {},
  )
  desk.take([EXCHANGE], 0)
  isSlow = true
  desk.take([EXCHANGE, EXCHANGE], 3)
  isSlow = false
  desk.take([{ ...EXCHANGE, requestId: 'r2' }], 0)
  close()
  assert.equal(seen.length, 4)
  assert.match(seen[1] ?? '', /^event: exchange\ndata: \{"requestId":"r1",.*\}\n\n$/)
  assert.equal(seen[2], 'event: lost\ndata: {"count":5}\n\n')
  assert.match(seen[3] ?? '', /"r2"/)
  assert.doesNotMatch(seen.join(''), /"lot"/)
})
