import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RouteTable } from './route-table.ts'
import { type PathTemplate, parseTemplate } from './template.ts'

function templateOf(text: string): PathTemplate {
  const template = parseTemplate(text)
  if ('problem' in template) throw new Error(`${text}: ${template.problem}`)
  return template
}

function tableOf(...routes: readonly string[]): RouteTable<string> {
  const table = new RouteTable<string>()
  for (const route of routes) {
    const [method = '', text = ''] = route.split(' ')
    assert.equal(table.add(method, templateOf(text), route), null)
  }
  return table
}

function find(table: RouteTable<string>, request: string): string | readonly string[] | null {
  const [method = '', path = ''] = request.split(' ')
  const found = table.find(method, path.slice(1).split('/'))
  return found === null ? null : 'route' in found ? found.route : found.allowed
}

test('literal text goes before `*`, and `*` before `**`, from the first segment on', () => {
  const table = tableOf('GET /v1/**', 'GET /v1/*/x', 'GET /v1/a/*', 'GET /v1/a/x', 'GET /v1/*/**', 'GET /{name=**}')
  assert.equal(find(table, 'GET /v1/a/x'), 'GET /v1/a/x')
  assert.equal(find(table, 'GET /v1/a/y'), 'GET /v1/a/*')
  assert.equal(find(table, 'GET /v1/b/x'), 'GET /v1/*/x')
  assert.equal(find(table, 'GET /v1/b/y'), 'GET /v1/*/**')
  assert.equal(find(table, 'GET /v1/a/x/z'), 'GET /v1/*/**')
  assert.equal(find(table, 'GET /v1'), 'GET /v1/**')
  assert.equal(find(table, 'GET /w'), 'GET /{name=**}')
})

test('a verb is told from a name with a colon by whether any template has it', () => {
  const table = tableOf('POST /v1/{name=items/*}:move', 'POST /v1/{name=items/*}', 'POST /v1:move', 'POST /v1/{x=files/**}:move')
  assert.equal(find(table, 'POST /v1/items/a:move'), 'POST /v1/{name=items/*}:move')
  assert.equal(find(table, 'POST /v1/items/a:b'), 'POST /v1/{name=items/*}')
  assert.equal(find(table, 'POST /v1/items/a:b:move'), 'POST /v1/{name=items/*}:move')
  assert.equal(find(table, 'POST /v1:move'), 'POST /v1:move')
  assert.equal(find(table, 'POST /v1/files/a/b:move'), 'POST /v1/{x=files/**}:move')
  assert.equal(find(table, 'POST /v1/items/a%3Amove'), 'POST /v1/{name=items/*}')
})

test('where the method alone is wrong, those that are right are told', () => {
  const table = tableOf('GET /v1/{a}', 'DELETE /v1/{a}', 'POST /v1/**', '* /any')
  assert.deepEqual(find(table, 'PUT /v1/x'), ['DELETE', 'GET', 'POST'])
  assert.equal(find(table, 'POST /v1/x'), 'POST /v1/**')
  assert.equal(find(table, 'PURGE /any'), '* /any')
  assert.deepEqual(find(table, 'HEAD /any'), ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'])
  assert.equal(find(table, 'GET /v2/x'), null)
  assert.equal(find(table, 'GET /v1/x/'), null)
  assert.equal(find(table, 'GET /'), null)
})

test('two templates for the same requests are found out, whatever their variables are called', () => {
  const table = tableOf('GET /v1/{a=shelves/*}:x')
  assert.equal(table.add('GET', templateOf('/v1/shelves/{b}:x'), 'other'), 'GET /v1/{a=shelves/*}:x')
  assert.equal(table.add('POST', templateOf('/v1/shelves/{b}:x'), 'other'), null)
  assert.equal(table.add('GET', templateOf('/v1/shelves/{b}'), 'other'), null)
})

const part = fc.constantFrom('a', 'b', 'c')
const templateParts = fc.tuple(fc.array(fc.oneof(part, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean())

/** Ranks of segments: the smaller the more specific. Compared from the first on. */
function rank(text: string): string {
  return text
    .replaceAll('/**', '/2')
    .replaceAll('/*', '/1')
    .replaceAll(/\/[abc]/g, '/0')
}

function fits(template: string, path: string): boolean {
  const source = template.replaceAll('/**', '(/[^/]+)§').replaceAll('/*', '/[^/]+').replaceAll('§', '*')
  return new RegExp(`^${source}$`).test(path)
}

test('a look-up finds what comparing all templates finds', () => {
  const templates = fc.uniqueArray(
    templateParts.map(([parts, isRest]) => `/${parts.join('/')}${isRest ? '/**' : ''}`),
    { minLength: 1, maxLength: 12 },
  )
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(templates, path, (texts, wanted) => {
      const fitting = texts.filter((text) => fits(text, wanted))
      const [best] = fitting.toSorted((one, other) => compareRanks(rank(one), rank(other)))
      const found = find(tableOf(...texts.map((text) => `GET ${text}`)), `GET ${wanted}`)
      assert.equal(found, best === undefined ? null : `GET ${best}`)
    }),
    { seed: 6, numRuns: 2_000 },
  )
})

/** A template that ends where another goes on in `**` is the more specific. */
function compareRanks(one: string, other: string): number {
  return one < other ? -1 : 1
}
