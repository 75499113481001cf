import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compilePolicy, exchangeOf } from '../testing.ts'
import { contextOf, keyOf } from '../testing-consumers.ts'
import { fieldReader } from './body-keys.ts'
import { apiKey } from './policy.ts'

const KEY = 'the-key-of-the-app'

function fieldsIn(type: string, body: string) {
  const { request } = exchangeOf({ headers: [['Content-Type', type]] })
  return fieldReader(request.headers)?.(Buffer.from(body))
}

const FORM = 'application/x-www-form-urlencoded'
const PARTS = 'multipart/form-data; boundary=xx'
const part = (name: string, value: string): string => `--xx\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`

test('keys are found in JSON, forms and multipart forms', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['application/json', '{"a":1,"k":"v"}', ['v']],
    ['Application/JSON; charset=utf-8', '{"k":"é"}', ['é']],
    ['application/json', '{"k":1}', []],
    ['application/json', '{"k":1.0}', []],
    ['application/json', '{"k":["v"]}', ['', '']],
    ['application/json', '{"k":"v","k":"w"}', []],
    ['application/json', '["k"]', []],
    ['application/json', '{', []],
    [FORM, 'a=b&%6b=v+w%21', ['v w!']],
    [FORM, 'k=v&k=w', ['v', 'w']],
    [FORM, 'k', ['']],
    [FORM, '', []],
    [PARTS, `${part('a', 'b')}${part('k', 'v\r\nw')}--xx--\r\n`, ['v\r\nw']],
    ['multipart/form-data; boundary="xx"', `preamble\r\n${part('k', 'v')}${part('k', 'w')}--xx--`, ['v', 'w']],
    [PARTS, part('k', 'v'), []],
    [PARTS, 'nothing', []],
  ]
  for (const [type, body, expected] of cases) assert.deepEqual(fieldsIn(type, body)?.valuesOf('k'), expected, body)
  for (const type of ['text/plain', '', 'multipart/form-data', 'application/xml']) assert.equal(fieldsIn(type, 'k=v'), undefined)
})

test('without the key the rest is what it was', () => {
  const rest = (type: string, body: string): string | undefined => fieldsIn(type, body)?.without(['k', 'l'])?.toString()
  assert.equal(
    rest('application/json', '{"a":1.00,"k":"v","b":{"k":12345678901234567890},"__proto__":2}'),
    '{"a":1.00,"b":{"k":12345678901234567890},"__proto__":2}',
  )
  assert.equal(rest(FORM, 'a=%7e&k=v&l&b='), 'a=%7e&b=')
  assert.equal(rest(PARTS, `${part('k', 'v')}${part('a', 'b')}${part('l', '')}--xx--\r\n`), `${part('a', 'b')}--xx--\r\n`)
  for (const [type, body] of [
    ['application/json', '{"a":1}'],
    [FORM, 'a=k'],
    [PARTS, `${part('a', 'k')}--xx--`],
  ] as const) {
    assert.equal(rest(type, body), undefined)
  }
})

test('whatever a body holds, it is read in bounded time and without a fault', () => {
  const piece = fc.constantFrom('--xx', '\r\n', '--', 'Content-Disposition: form-data; name="k"', 'k=', '&', 'v', '"', ';', '\r\n\r\n')
  const body = fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(fc.constantFrom(PARTS, FORM, 'application/json'), body, (type, text) => {
      const fields = fieldsIn(type, text)
      const rest = fields?.without(['k']) ?? null
      if (rest !== null) assert.ok(rest.length < Buffer.byteLength(text) || type === 'application/json')
    }),
    { seed: 8, numRuns: 500 },
  )
})

test('a body is read only where a key may stand in it, and taken out of it', async () => {
  const { context } = contextOf({ app: [keyOf(KEY)] })
  const steps = await compilePolicy(apiKey, { from: ['header:X-API-Key', 'body:k'], select: 'first' }, context)
  const ask = async (type: string, body: string, key?: string) => {
    const ofKey = key === undefined ? [] : ([['X-API-Key', key]] as const)
    const headers = [['Content-Type', type] as const, ...ofKey]
    const exchange = exchangeOf({ headers, bodyLength: 100 })
    const left: string[] = []
    exchange.earlyBody = {
      read: async () => (body === 'too large' || body === 'no room' ? body : Buffer.from(body)),
      replace: (rest) => void left.push(rest.toString()),
    }
    const verdict = await steps.onRequest?.(exchange)
    return [verdict === undefined ? exchange.caller.consumer?.name : (verdict.reason ?? verdict.code), ...left]
  }
  assert.deepEqual(await ask(FORM, `a=b&k=${KEY}`), ['app', 'a=b'])
  assert.deepEqual(await ask(FORM, 'k=other&a=b'), ['key-unknown', 'a=b'])
  assert.deepEqual(await ask(FORM, `k=${KEY}&k=${KEY}`), ['key-repeated', ''])
  assert.deepEqual(await ask(FORM, `k=other`, KEY), ['app', ''])
  assert.deepEqual(await ask('text/plain', `k=${KEY}`), ['key-missing'])
  assert.deepEqual(await ask(FORM, 'too large'), ['key-missing'])
  assert.deepEqual(await ask(FORM, 'too large', KEY), ['app'])
  assert.deepEqual(await ask(FORM, 'no room'), ['gateway_overloaded'])
})
