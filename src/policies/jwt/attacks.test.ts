/** Attacks on JSON Web Tokens that have been published, each as a case. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactSign, exportJWK, exportSPKI } from 'jose'
import { onRequest } from '../testing.ts'
import {
  base64url,
  bearing,
  compileJwt,
  outcomeOf,
  pairOf,
  rawToken,
  SECRET,
  START,
  secretBytes,
  tokenOf,
  whyRefused,
} from './tokens.fixture.ts'

const options = { secret: SECRET }
const GOOD = `{"sub":"42","exp":${START + 60}}`
const HEADER = '{"alg":"HS256"}'

test('the texts that the cases below change do pass as they are', async () => {
  assert.equal(await outcomeOf(await compileJwt(options), await rawToken(HEADER, GOOD)), 'passed')
})

test('`alg: none` in every spelling, with and without a signature', async () => {
  const steps = await compileJwt(options)
  const [, , signature] = (await rawToken(HEADER, GOOD)).split('.')
  for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', '', 'hs256', 'HS256 ', '\\u0000HS256']) {
    const input = `${base64url(`{"alg":"${alg}"}`)}.${base64url(GOOD)}`
    for (const end of ['', '.', `.${signature}`]) assert.equal(await outcomeOf(steps, input + end), 'token_invalid', alg)
    assert.equal(await outcomeOf(steps, await rawToken(`{"alg":"${alg}"}`, GOOD)), 'token_invalid', alg)
  }
})

test('`alg` that is no text, inherited, or not there', async () => {
  const steps = await compileJwt(options)
  for (const header of ['{}', '{"alg":null}', '{"alg":["HS256"]}', '{"alg":1}', '{"__proto__":{"alg":"HS256"}}', '{"alg":"constructor"}']) {
    assert.equal(await outcomeOf(steps, await rawToken(header, GOOD)), 'token_invalid', header)
  }
})

test('key confusion: the text or the bytes of a public key used as a secret', async () => {
  const { publicKey } = await pairOf('RS256')
  const pem = await exportSPKI(publicKey)
  const jwk = await exportJWK(publicKey)
  for (const keys of [{ publicKey: pem }, { jwk }, { jwks: { keys: [jwk] } }, { keys: [{ publicKey: pem }, { secret: SECRET }] }]) {
    const steps = await compileJwt(keys)
    for (const bytes of [pem, pem.trim(), `${pem}\n`, JSON.stringify(jwk), String(jwk.n)]) {
      for (const algorithm of ['HS256', 'HS384', 'HS512']) {
        assert.equal(await outcomeOf(steps, await tokenOf({ algorithm, key: secretBytes(bytes) })), 'token_invalid')
      }
    }
  }
})

test('key confusion: an RSA key used with an algorithm that it is not bound to', async () => {
  const { publicKey, privateKey } = await pairOf('PS256')
  const token = await tokenOf({ algorithm: 'PS256', key: privateKey })
  assert.equal(await outcomeOf(await compileJwt({ publicKey: await exportSPKI(publicKey) }), token), 'token_invalid')
  assert.equal(await outcomeOf(await compileJwt({ jwk: { ...(await exportJWK(publicKey)), alg: 'RS256' } }), token), 'token_invalid')
})

test('a curve that is not the algorithm’s', async () => {
  const p384 = await pairOf('ES384')
  const jwk = await exportJWK(p384.publicKey)
  const steps = await compileJwt({ jwk })
  const [, claims, signature] = (await tokenOf({ algorithm: 'ES384', key: p384.privateKey })).split('.')
  assert.equal(await outcomeOf(steps, `${base64url('{"alg":"ES256"}')}.${claims}.${signature}`), 'token_invalid')
  await assert.rejects(compileJwt({ jwk, algorithm: 'ES256' }), /ES256/)
  const p256 = await pairOf('ES256')
  assert.equal(await outcomeOf(steps, await tokenOf({ algorithm: 'ES256', key: p256.privateKey })), 'token_invalid')
})

test('an ECDSA signature of nothing but zeros (psychic signatures)', async () => {
  const { publicKey } = await pairOf('ES256')
  const steps = await compileJwt({ jwk: await exportJWK(publicKey) })
  const input = `${base64url('{"alg":"ES256"}')}.${base64url(GOOD)}`
  for (const bytes of [64, 63, 1, 132])
    assert.equal(await outcomeOf(steps, `${input}.${Buffer.alloc(bytes).toString('base64url')}`), 'token_invalid')
})

test('`kid` that is a path, a query, a number or somebody else’s', async () => {
  const steps = await compileJwt({ keys: [{ kid: 'mine', secret: SECRET }] })
  assert.equal(await outcomeOf(steps, await tokenOf({ header: { kid: 'mine' } })), 'passed')
  for (const kid of [
    '../../../../dev/null',
    '/dev/null',
    "' UNION SELECT 'secret' --",
    'http://evil.example/',
    '__proto__',
    'Mine',
    'mine\u0000',
    '',
  ]) {
    for (const key of [secretBytes(SECRET), secretBytes('secret'), new Uint8Array([0])]) {
      assert.equal(await outcomeOf(steps, await tokenOf({ header: { kid }, key })), 'token_invalid', kid)
    }
  }
  for (const kid of ['1', 'null', '{}', '["mine"]'])
    assert.equal(await outcomeOf(steps, await rawToken(`{"alg":"HS256","kid":${kid}}`, GOOD)), 'token_invalid')
})

test('a key that the token brings with it', async () => {
  const mine = await pairOf('RS256')
  const theirs = await pairOf('RS256')
  const jwk = await exportJWK(theirs.publicKey)
  const steps = await compileJwt({ publicKey: await exportSPKI(mine.publicKey) })
  for (const header of [
    { jwk },
    { jwk, kid: 'theirs' },
    { jku: 'https://evil.example/jwks.json' },
    { x5u: 'https://evil.example/cert.pem' },
    { x5c: ['MIIB'] },
  ]) {
    const claims = secretBytes(GOOD)
    const token = await new CompactSign(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(theirs.privateKey)
    assert.equal(await whyRefused(steps, token), 'The signature of the token is wrong')
    // With the right key the header members mean nothing.
    assert.equal(
      await outcomeOf(steps, await new CompactSign(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(mine.privateKey)),
      'passed',
    )
  }
})

test('a token that is too large is not even decoded', async () => {
  const steps = await compileJwt({ ...options, tokenBytesMax: '1KiB' })
  const large = await tokenOf({ claims: { padding: 'x'.repeat(1_024) } })
  assert.equal(onRequest(steps, bearing(large))?.code, 'token_invalid')
  assert.equal(await whyRefused(steps, large), 'The token is too large')
  assert.equal(await outcomeOf(await compileJwt(options), large), 'passed')
})

test('members named twice, also by an escape and at any depth', async () => {
  const steps = await compileJwt(options)
  for (const claims of [
    `{"sub":"41","sub":"42","exp":${START + 60}}`,
    `{"sub":"41","s\\u0075b":"42","exp":${START + 60}}`,
    `{"exp":${START - 1},"sub":"42","exp" : ${START + 60}}`,
    `{"sub":"42","exp":${START + 60},"a":[{"b":{"c":1,"c":2}}]}`,
    `{"sub":"42","exp":${START + 60},"__proto__":1,"__proto__":2}`,
  ]) {
    assert.equal(await whyRefused(steps, await rawToken(HEADER, claims)), 'The token is malformed', claims)
  }
  assert.equal(await whyRefused(steps, await rawToken('{"alg":"HS256","alg":"HS256"}', GOOD)), 'The token is malformed')
  // The same name in two objects, or in a text, is no repetition.
  const fine = `{"sub":"42","exp":${START + 60},"a":{"sub":"1"},"b":[{"x":1},{"x":2}],"c":"\\",\\"sub\\":","d":["sub","sub"]}`
  assert.equal(await outcomeOf(steps, await rawToken(HEADER, fine)), 'passed')
})

test('nesting without end', async () => {
  const steps = await compileJwt(options)
  const nested = `{"sub":"42","exp":${START + 60},"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}`
  assert.equal(await whyRefused(steps, await rawToken(HEADER, nested)), 'The token is malformed')
})

test('expired by one second, not valid for one more second', async () => {
  const steps = await compileJwt(options)
  assert.equal(await outcomeOf(steps, await tokenOf({ claims: { exp: START - 1 } })), 'token_expired')
  assert.equal(await whyRefused(steps, await tokenOf({ claims: { nbf: START + 1 } })), 'The token is not valid yet')
})

test('an expired token that nobody has signed is told to be wrong, not expired', async () => {
  assert.equal(
    await outcomeOf(await compileJwt(options), await tokenOf({ claims: { exp: START - 1 }, key: secretBytes('other') })),
    'token_invalid',
  )
})

test('every character of a token that is changed, and every one that is left out', async () => {
  const steps = await compileJwt(options)
  const token = await tokenOf()
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === 'A' ? 'B' : 'A'
    assert.equal(await outcomeOf(steps, token.slice(0, at) + other + token.slice(at + 1)), 'token_invalid', String(at))
    assert.equal(await outcomeOf(steps, token.slice(0, at) + token.slice(at + 1)), 'token_invalid', String(at))
  }
  const [header, , signature] = token.split('.')
  assert.equal(await outcomeOf(steps, `${header}.${base64url(GOOD.replace('42', '1'))}.${signature}`), 'token_invalid')
})

test('padding, stray bits, other alphabets, further parts and blanks', async () => {
  const steps = await compileJwt(options)
  // Of 32 bytes the last character carries four bits and two to spare.
  const token = await tokenOf()
  assert.equal(await outcomeOf(steps, token), 'passed')
  const last = token.slice(-1)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const stray = alphabet[alphabet.indexOf(last) + 1] ?? 'B'
  const standard = token.replaceAll('-', '+').replaceAll('_', '/')
  const [header, claims, signature] = token.split('.')
  for (const changed of [
    `${token}=`,
    `${token}==`,
    token.slice(0, -1) + stray,
    `${token}.`,
    `${token}.${signature}`,
    `.${token}`,
    `${header}.${claims}`,
    `${header}.${claims}.`,
    `${header}..${signature}`,
    `${header}. ${claims}.${signature}`,
    `${header}.${claims}.${signature}\u00a0`,
    `${token}%3D`,
  ]) {
    assert.equal(await outcomeOf(steps, changed), 'token_invalid', changed)
  }
  if (standard !== token) assert.equal(await outcomeOf(steps, standard), 'token_invalid')
})

test('`crit`, understood by the library or not', async () => {
  const steps = await compileJwt(options)
  for (const more of ['"crit":["b64"],"b64":true', '"crit":["x"],"x":1', '"crit":[]', '"crit":null', '"crit":["exp"],"exp":1']) {
    assert.equal(await outcomeOf(steps, await rawToken(`{"alg":"HS256",${more}}`, GOOD)), 'token_invalid', more)
  }
  // Without `crit` it is a member that means nothing here; whatever the library says of it, it is no fault of ours.
  for (const b64 of ['true', 'false', '"x"'])
    assert.notEqual(await outcomeOf(steps, await rawToken(`{"alg":"HS256","b64":${b64}}`, GOOD)), '500')
})

test('claims of wrong types: nested audiences, dates that are no numbers, names that are no texts', async () => {
  const steps = await compileJwt({ ...options, audience: 'me', issuer: 'i' })
  const good = { sub: '"42"', exp: String(START + 60), aud: '"me"', iss: '"i"' }
  const text = (claims: Readonly<Record<string, string>>) =>
    `{${Object.entries({ ...good, ...claims })
      .map(([name, value]) => `"${name}":${value}`)
      .join()}}`
  assert.equal(await outcomeOf(steps, await rawToken(HEADER, text({}))), 'passed')
  for (const claims of [
    { aud: '[["me"]]' },
    { aud: '["me",["me"]]' },
    { aud: '["me",1]' },
    { aud: '{"0":"me"}' },
    { aud: 'true' },
    { aud: 'null' },
    { exp: `"${START + 60}"` },
    { exp: 'null' },
    { exp: '1e999' },
    { exp: `[${START + 60}]` },
    { exp: 'true' },
    { nbf: '"0"' },
    { nbf: 'null' },
    { nbf: '{}' },
    { iat: '"now"' },
    { sub: '42' },
    { sub: 'null' },
    { sub: '["42"]' },
    { iss: '["i"]' },
    { iss: '{}' },
  ]) {
    assert.equal(await whyRefused(steps, await rawToken(HEADER, text(claims))), 'A claim of the token is malformed', JSON.stringify(claims))
  }
})

test('header and claims that are no JSON object, or no UTF-8', async () => {
  const steps = await compileJwt(options)
  for (const text of ['', 'null', '[]', '"x"', '1', '{', '{"a":1}x', '\ufeff{}']) {
    assert.equal(await outcomeOf(steps, await rawToken(HEADER, text)), 'token_invalid', text)
    assert.equal(await outcomeOf(steps, await rawToken(text, GOOD)), 'token_invalid', text)
  }
  const key = secretBytes(SECRET)
  const broken = await new CompactSign(Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff]), Buffer.from(`","exp":${START + 60}}`)]))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(key)
  assert.equal(await outcomeOf(steps, broken), 'token_invalid')
})

test('a token of five parts, as encrypted ones have', async () => {
  const steps = await compileJwt(options)
  assert.equal(
    await outcomeOf(steps, [base64url('{"alg":"dir","enc":"A128GCM"}'), 'AAAA', 'AAAA', 'AAAA', 'AAAA'].join('.')),
    'token_invalid',
  )
})
