import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { HmacCredential } from '../../core/consumers.ts'
import { compilePolicy, exchangeOf, onRequest } from '../testing.ts'
import { contextOf } from '../testing-consumers.ts'
import { hmac } from './policy.ts'

const SECRET = 'a secret of the partner'
const NOW = 'Thu, 01 Jan 2026 00:00:00 GMT'
const CREDENTIAL: HmacCredential = {
  kind: 'hmac',
  id: 'hmac-1',
  notBeforeMs: null,
  expiresAtMs: null,
  keyId: 'partner-1',
  secret: SECRET,
}

type Fields = readonly (readonly [string, string])[]

/** Why a request with these fields is refused; undefined where it is not. */
async function reasonOf(options: object, headers: Fields): Promise<string | undefined> {
  const steps = await compilePolicy(hmac, options, contextOf({ partner: [CREDENTIAL] }).context)
  return onRequest(steps, exchangeOf({ headers }))?.reason
}

const sign = (text: string): string => createHmac('sha256', SECRET).update(text).digest('base64')
const kong = (covered: string, text: string): readonly [string, string] => [
  'Authorization',
  `hmac username="partner-1", algorithm="hmac-sha256", headers="${covered}", signature="${sign(text)}"`,
]
const draft = (covered: string, text: string): readonly [string, string] => [
  'Authorization',
  `Signature keyId="partner-1",algorithm="hmac-sha256",headers="${covered}",signature="${sign(text)}"`,
]

test('date and digest count unsigned where that is asked for, and then every request needs a date', async () => {
  const options = { trustUnsigned: true, requiredHeaders: [], forms: ['hmac'] }
  const [name, authorization] = kong('x-a', 'x-a: 1')
  const ask = (...headers: Fields) => reasonOf(options, headers)
  assert.equal(await ask(['X-A', '1'], ['Date', NOW], [name, authorization]), undefined)
  assert.equal(await ask(['X-A', '1'], ['X-Date', 'x'], ['Date', NOW], [name, authorization]), undefined)
  assert.equal(await ask(['X-A', '1'], [name, authorization]), 'signature-undated')
  assert.equal(await ask(['Date', NOW], [name, authorization]), 'signature-wrong')
  assert.equal(await ask(['Date', NOW], [name, authorization.replace('partner-1', 'other')]), 'signature-unknown')
  assert.equal(await ask(['Date', NOW], [name, 'Basic YTpi']), 'signature-other-scheme')
  assert.equal(await ask(['Date', NOW]), 'signature-missing')
})

test('only the forms that are named are looked at', async () => {
  const headers = [['Date', NOW], draft('date', `date: ${NOW}`)] as const
  assert.equal(await reasonOf({ requiredHeaders: [], forms: ['hmac'] }, headers), 'signature-other-scheme')
  assert.equal(await reasonOf({ requiredHeaders: [], forms: ['signature'] }, headers), undefined)
  assert.equal(await reasonOf({ requiredHeaders: [] }, headers), undefined)
})

test('a field that is not there is signed without a value as Kong does it, and refused where nobody asked for that', async () => {
  const lenient = { requiredHeaders: [], trustUnsigned: true }
  assert.equal(await reasonOf(lenient, [['Date', NOW], kong('X-None', 'X-None:')]), undefined)
  assert.equal(await reasonOf(lenient, [['Date', NOW], draft('x-none', 'x-none:')]), 'signature-absent')
  assert.equal(await reasonOf({ requiredHeaders: ['x-none'] }, [kong('X-None', 'X-None:')]), 'signature-absent')
  assert.equal(await reasonOf({ requiredHeaders: [] }, [draft('x-none', 'x-none:')]), 'signature-absent')
})

test('what is signed of times is their value in the form of Kong too', async () => {
  const created = Math.floor(Date.parse(NOW) / 1_000)
  const of = (text: string, said = created): readonly [string, string] => [
    'Authorization',
    `hmac username="partner-1", algorithm="hs2019", headers="(created)", created=${said}, signature="${sign(text)}"`,
  ]
  const only = { requiredHeaders: ['date'], algorithms: ['hmac-sha256'] }
  assert.equal(await reasonOf(only, [of(`(created): ${created}`)]), undefined)
  assert.equal(await reasonOf(only, [of('(created):')]), 'signature-wrong')
  assert.equal(await reasonOf(only, [of(`(created): ${created}`, created + 1)]), 'signature-wrong')
})

test('without synonyms what has to be signed is compared by name', async () => {
  const required = { requiredHeaders: ['date'] }
  const headers = [['X-Date', NOW], kong('x-date', `x-date: ${NOW}`)] as const
  assert.equal(await reasonOf(required, headers), undefined)
  assert.equal(await reasonOf({ ...required, synonyms: false }, headers), 'signature-uncovered')
})

test('SHA-1 is taken only where it is named, and the form of Kong has to name its algorithm', async () => {
  const text = `date: ${NOW}`
  const signature = createHmac('sha1', SECRET).update(text).digest('base64')
  const weak = ['Authorization', `hmac username="partner-1", algorithm="hmac-sha1", headers="date", signature="${signature}"`] as const
  assert.equal(await reasonOf({ requiredHeaders: [] }, [['Date', NOW], weak]), 'signature-algorithm')
  assert.equal(await reasonOf({ requiredHeaders: [], algorithms: ['hmac-sha1'] }, [['Date', NOW], weak]), undefined)
  const unnamed = ['Authorization', `hmac username="partner-1", headers="date", signature="${sign(text)}"`] as const
  assert.equal(await reasonOf({ requiredHeaders: [], algorithms: ['hmac-sha256'] }, [['Date', NOW], unnamed]), 'signature-malformed')
})
