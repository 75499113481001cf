/**
 * What `turnpike explain` prints for requests to the configurations in `explain/`: each `<name>.golden` begins with its command line.
 * `UPDATE_GOLDEN=1` writes them anew; look at the difference before it is committed.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { explain } from '../../src/cli/explain.ts'
import { renderExplanation } from '../../src/cli/explain-view.ts'
import { loadConfig } from '../../src/config/load.ts'
import { POLICIES } from '../../src/policies/index.ts'

const FOLDER = join(import.meta.dirname, 'explain')

type Requests = Readonly<Record<string, readonly [method: string, url: string, ...headers: string[]]>>

/** A token of ada's for who-may-pass.yaml, which never expires. */
const TOKEN =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJzaG9wIiwicm9sZXMiOlsiZWRpdG9yIl0sInBlcm1pc3Npb25zIjpbIm9yZGVyczpyZWFkIl19.7nCIyZvTvF7slVonl7s9QMxH_v7O9QSNdQd_hyI647Q'

const REQUESTS: Requests = {
  'captures-and-policies': ['GET', 'http://shop.example/api/v1/users/7?x=1', 'X-Beta: 1', 'Cookie: id=secret'],
  'shadow-would-refuse': ['DELETE', '/api/v1/users/7', 'X-Beta: 1', 'Content-Length: 50'],
  'next-best-route': ['POST', '/api/v1/users/7'],
  'rewritten-and-renamed': ['GET', '/orders'],
  'method-not-allowed': ['POST', '/orders'],
  'a-policy-answers': ['GET', 'http://www.example.com/hello'],
  'host-does-not-match': ['GET', 'http://a.b.example.com/hello', 'Accept: text/plain'],
  redirect: ['GET', '/'],
  'path-refused': ['GET', '/a/%2e%2e/../b'],
}

/** To who-may-pass.yaml. */
const GUARDED: Requests = {
  'token-passes': ['GET', '/orders/7', `Authorization: Bearer ${TOKEN}`, 'Origin: https://shop.example', 'X_User_ID: mallory'],
  'token-forged': ['GET', '/orders/7', `Authorization: Bearer ${TOKEN.slice(0, -4)}AAAA`],
  'captures-do-not-fit': ['GET', '/orders/seven', `Authorization: Bearer ${TOKEN}`],
  'preflight-answered': ['OPTIONS', '/orders/7', 'Origin: https://shop.example', 'Access-Control-Request-Method: GET'],
  'consumer-has-its-own-limit': ['GET', '/apps', 'X-API-Key: key-of-the-mobile-app-1'],
}

/** To ill-services.yaml. */
const RESILIENT: Requests = {
  'split-and-fallback': ['GET', '/orders/7', 'X-Tenant: acme'],
}

/** To as-kong.yaml. */
const AS_KONG: Requests = {
  'protocol-refused': ['GET', '/secure/x'],
  'matched-text-stripped': ['GET', 'http://eu.shop.example.com/shopping?'],
  'no-route-as-kong': ['HEAD', 'http://eu.shop.example.com/shopping'],
  'no-service-as-kong': ['GET', '/nobody', 'Accept: text/html'],
}

async function outcomeOf(file: string, method: string, url: string, headers: readonly string[]): Promise<string> {
  const loaded = await loadConfig([file], {
    policies: POLICIES,
    env: {},
    readFile: (path) => Promise.resolve(readFileSync(join(FOLDER, path), 'utf8')),
  })
  assert.ok('ir' in loaded)
  const explanation = await explain(loaded.ir, { method, url, headers })
  assert.ok(!('problem' in explanation))
  const command = ['turnpike explain', file, method, url, ...headers.map((header) => `-H '${header}'`)].join(' ')
  return `$ ${command}\n${renderExplanation(explanation, (_style, text) => text)}\n`
}

const FILES = [
  ['gateway.yaml', REQUESTS],
  ['who-may-pass.yaml', GUARDED],
  ['ill-services.yaml', RESILIENT],
  ['as-kong.yaml', AS_KONG],
] as const
for (const [file, requests] of FILES) {
  for (const [name, [method, url, ...headers]] of Object.entries(requests)) {
    test(`explain prints what ${name}.golden says`, async () => {
      const golden = join(FOLDER, `${name}.golden`)
      const outcome = await outcomeOf(file, method, url, headers)
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, outcome)
      assert.ok(existsSync(golden), `there is no ${name}.golden: run with UPDATE_GOLDEN=1`)
      assert.equal(outcome, readFileSync(golden, 'utf8'))
    })
  }
}
