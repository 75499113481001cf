/** Kong files and native ones that are loaded together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { POLICIES } from '../../src/policies/index.ts'

const KONG = '_format_version: "3.0"\nservices: [{ name: old, url: "http://127.0.0.1:9", routes: [{ name: old, paths: [/old] }] }]\n'
const LISTENERS = 'listeners: [{ port: 8080 }]\n'
const ROUTES = `${LISTENERS}services: { new: { targets: ["127.0.0.1:9"] } }
routes: { new: { path: /new/*, service: new } }\n`

async function load(files: Readonly<Record<string, string>>) {
  const loaded = await loadConfig(Object.keys(files), { policies: POLICIES, env: {}, readFile: async (path) => files[path] ?? '' })
  assert.ok('ir' in loaded)
  return { policies: loaded.ir.policies.map(({ name }) => name), warnings: loaded.warnings.map(({ message }) => message) }
}

test('what services behind native routes believe, no client may send, also with a Kong file beside', async () => {
  assert.ok((await load({ 'native.yaml': ROUTES, 'kong.yml': KONG })).policies.includes('identity-headers'))
  assert.ok(!(await load({ 'native.yaml': LISTENERS, 'kong.yml': KONG })).policies.includes('identity-headers'))
  assert.ok(!(await load({ 'kong.yml': KONG })).policies.includes('identity-headers'))
})

test('native routes beside a Kong file are told that they have the ways of Kong', async () => {
  const { warnings } = await load({ 'native.yaml': ROUTES, 'kong.yml': KONG })
  assert.match(warnings.join('\n'), /^beside a Kong file these routes have the ways of Kong too: .*behind authentication/)
  assert.deepEqual((await load({ 'native.yaml': LISTENERS, 'kong.yml': KONG })).warnings, [])
})
