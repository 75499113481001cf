/**
 * What `turnpike explain` prints for requests to `explain/gateway.yaml`: each `<name>.golden` begins with its command line.
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
const FILE = 'gateway.yaml'

const REQUESTS: Readonly<Record<string, readonly [method: string, url: string, ...headers: string[]]>> = {
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

async function outcomeOf(method: string, url: string, headers: readonly string[]): Promise<string> {
  const loaded = await loadConfig([FILE], {
    policies: POLICIES,
    env: {},
    readFile: (path) => Promise.resolve(readFileSync(join(FOLDER, path), 'utf8')),
  })
  assert.ok('ir' in loaded)
  const explanation = await explain(loaded.ir, { method, url, headers })
  assert.ok(!('problem' in explanation))
  const command = ['turnpike explain', FILE, method, url, ...headers.map((header) => `-H '${header}'`)].join(' ')
  return `$ ${command}\n${renderExplanation(explanation, (_style, text) => text)}\n`
}

for (const [name, [method, url, ...headers]] of Object.entries(REQUESTS)) {
  test(`explain prints what ${name}.golden says`, async () => {
    const golden = join(FOLDER, `${name}.golden`)
    const outcome = await outcomeOf(method, url, headers)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, outcome)
    assert.ok(existsSync(golden), `there is no ${name}.golden: run with UPDATE_GOLDEN=1`)
    assert.equal(outcome, readFileSync(golden, 'utf8'))
  })
}
