import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.ts'
import type { Attempt, Exchange } from '../../core/exchange.ts'
import { compilePolicy, contextWith, exchangeOf, fieldsOf, onResponse, problemsOf } from '../testing.ts'
import { latencyHeaders } from './policy.ts'

const ATTEMPT: Attempt = { number: 1, target: '127.0.0.1:1', startedAt: 0, endedAt: 0, status: 0, error: null }

/** Fields of the answer of an exchange that began at 1,000 ms and was answered at 1,050.9 ms. */
async function fields(options: unknown, during: (exchange: Exchange, at: (ms: number) => void, send: () => void) => void) {
  let now = 1_000
  const steps = await compilePolicy(latencyHeaders, options, contextWith({ clock: { ...systemClock, now: () => now } }))
  const exchange = exchangeOf()
  exchange.startedAt = now
  const send = () => {
    exchange.attempts.push(ATTEMPT)
    steps.onAttempt?.(exchange, ATTEMPT)
  }
  during(
    exchange,
    (ms) => {
      now = 1_000 + ms
    },
    send,
  )
  now = 1_050.9
  onResponse(steps, exchange)
  return fieldsOf(exchange.response.headers)
}

test('the time before a request is sent is told apart from the time that all tries take', async () => {
  const told = await fields({}, (exchange, at, send) => {
    at(7.5)
    send()
    at(20)
    send()
    exchange.response.headers.append('X-Gateway-Latency', '99999')
  })
  assert.deepEqual(told.toSorted(), ['x-gateway-latency: 7', 'x-service-latency: 43'])
})

test('an answer of the gateway’s own tells the whole time, and who it is', async () => {
  assert.deepEqual(await fields({ server: 'turnpike', via: true }, () => {}), ['x-response-latency: 50', 'server: turnpike'])
})

test('the server’s name stays on answers of services, which say by whom they came', async () => {
  const told = await fields({ server: 'turnpike', via: true }, (exchange, _at, send) => {
    send()
    exchange.response.headers.append('Server', 'apache')
    exchange.response.headers.append('Via', '1.1 inner')
  })
  assert.deepEqual(told.toSorted(), ['server: apache', 'via: 1.1 inner, 1.1 turnpike', 'x-gateway-latency: 0', 'x-service-latency: 50'])
})

test('a target that could not be connected to was asked, a name without an address was not', async () => {
  const told = (error: 'upstream_connect_refused' | 'upstream_dns_failed') =>
    fields({}, (exchange) => {
      exchange.attempts.push(ATTEMPT)
      exchange.error = error
    })
  assert.deepEqual(await told('upstream_connect_refused'), ['x-service-latency: 0', 'x-gateway-latency: 50'])
  assert.deepEqual(await told('upstream_dns_failed'), ['x-response-latency: 50'])
})

test('what a cache has is an answer of the service, which took no time', async () => {
  const told = await fields({ via: true }, (exchange) => {
    exchange.isStored = true
  })
  assert.deepEqual(told, ['x-service-latency: 0', 'x-gateway-latency: 50', 'via: 1.1 turnpike'])
})

test('fields of the connection carry no time', async () => {
  assert.notDeepEqual(await problemsOf(latencyHeaders, { gateway: 'Content-Length' }), [])
})
