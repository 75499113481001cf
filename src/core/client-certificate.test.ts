import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalAlternativeName } from './client-certificate.ts'

test('alternative names have one form', () => {
  for (const [written, expected] of [
    ['DNS:App.Example', 'DNS:app.example'],
    ['dns:*.app.example', 'DNS:*.app.example'],
    ['URI:spiffe://Example/App', 'URI:spiffe://Example/App'],
    ['uri:urn:a', 'URI:urn:a'],
    ['EMAIL:App@Example.Com', 'email:App@example.com'],
  ] as const)
    assert.equal(normalAlternativeName(written), expected)
})

test('what is no such name is none', () => {
  for (const wrong of [
    '',
    'app.example',
    'DNS:',
    'DNS:a b',
    'DNS:a, DNS:b',
    'URI:',
    'URI:spiffe',
    'URI:a: b',
    'email:a',
    'email:a@',
    'email:@b',
    'email:a@b@c',
  ])
    assert.equal(normalAlternativeName(wrong), null, wrong)
  for (const other of ['IP:192.0.2.1', 'othername:x', 'DirName:CN=a', '__proto__:x'])
    assert.equal(normalAlternativeName(other), null, other)
})
