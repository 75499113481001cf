import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyDefinition, Remark } from '../core/policy.ts'
import { object, text } from '../core/schema.ts'
import { loadConfig } from './load.ts'

/** A policy that verifies, and one that reads a file and has remarks. */
const POLICIES: readonly PolicyDefinition<unknown>[] = [
  { kind: 'verify', summary: 'Verifies.', identifies: true, authenticates: true, loadSchema: async () => object({}), compile: () => ({}) },
  {
    kind: 'look',
    summary: 'Looks.',
    loadSchema: async () => object({ file: text().optional(), note: text().optional() }),
    async resolve(options, { read }) {
      const { file } = options as { file?: string }
      return file === undefined ? options : { note: await read(file) }
    },
    review(options, { authenticates, stores, optionsOf }): Remark[] {
      const { note } = options as { note?: string }
      if (note === 'bad') return [{ severity: 'error', path: ['note'], message: 'this is bad' }]
      const around = `${authenticates ? 'with' : 'without'} authentication, ${[...stores].join(' ')}, verify ${JSON.stringify(optionsOf('verify'))}`
      return [{ severity: 'warning', path: [], message: `${note}: ${around}` }]
    },
    compile: () => ({}),
  },
  {
    kind: 'where',
    summary: 'Says where it is.',
    loadSchema: async () => object({}),
    review: (_options, { service }) => [
      { severity: 'warning', path: [], message: service === null ? 'no service' : service?.http2 === true ? 'http2' : 'no http2' },
    ],
    compile: () => ({}),
  },
]

async function load(yaml: string): Promise<string[]> {
  const files: Readonly<Record<string, string>> = { '/etc/tp/t.yaml': yaml, '/etc/tp/note.txt': 'from a file' }
  const readFile = async (path: string): Promise<string> => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('none'), { code: 'ENOENT' })
    return text
  }
  const loaded = await loadConfig(['/etc/tp/t.yaml'], { policies: POLICIES, env: {}, readFile })
  const problems = 'ir' in loaded ? loaded.warnings : loaded.problems
  if ('ir' in loaded) assert.deepEqual(loaded.files.slice(1), yaml.includes('note.txt') ? ['/etc/tp/note.txt'] : [])
  return problems.map(({ severity, location, message }) => `${severity} ${location.line}:${location.column} ${message}`)
}

const SERVICE = 'services: { s: { targets: ["a:1"] } }\n'

test('a policy sees what surrounds it on each route, says the same thing once, and names the routes where it is not true for all', async () => {
  assert.deepEqual(
    await load(`${SERVICE}policies: { look: { note: all } }
routes:
  a: { path: /a, service: s }
  b: { path: /b, service: s }
  c: { path: /c, service: s, policies: { verify: {} } }
stores: { redis: { address: "r:1" } }
`),
    [
      'warning 2:13 all: with authentication, memory redis, verify {} (on route `c`)',
      'warning 2:13 all: without authentication, memory redis, verify undefined (on the routes `a`, `b`)',
    ],
  )
})

test('a policy sees whether its route has a service, and whether that may speak HTTP/2', async () => {
  const kinds: Readonly<Record<string, string>> = {
    '{ targets: ["a:1"] }': 'no http2',
    '{ targets: ["a:1"], protocol: h2 }': 'http2',
    '{ targets: ["https://a:1"] }': 'http2',
    '{ targets: ["https://a:1"], protocol: "http/1.1" }': 'no http2',
  }
  for (const [service, told] of Object.entries(kinds)) {
    const seen = await load(`services: { s: ${service} }\nroutes: { a: { path: /a, service: s, policies: { where: {} } } }\n`)
    assert.deepEqual(seen, [`warning 2:50 ${told}`], service)
  }
})

test('of many routes a remark names the first', async () => {
  const routes = ['a', 'b', 'c', 'd', 'e'].map((name) => `  ${name}: { path: /${name}, service: s }\n`).join('')
  const one = '  f: { path: /f, service: s, policies: { verify: {} } }\n'
  const said = async (more: string) => load(`${SERVICE}policies: { look: { note: all } }\nroutes:\n${routes}${more}`)
  assert.deepEqual(await said(''), ['warning 2:13 all: without authentication, memory, verify undefined'])
  assert.match((await said(one))[1] ?? '', / \(on the routes `a`, `b`, `c` and 2 more\)$/)
})

test('options that name a file get what is in it, found beside the configuration', async () => {
  assert.deepEqual(await load(`${SERVICE}routes: { a: { path: /a, service: s, policies: { look: { file: note.txt } } } }\n`), [
    'warning 2:50 from a file: without authentication, memory, verify undefined',
  ])
})

test('a file that is not there is told at the place that names it', async () => {
  assert.deepEqual(await load(`${SERVICE}routes: { a: { path: /a, service: s, policies: { look: { file: gone.txt } } } }\n`), [
    'error 2:50 the file `gone.txt` cannot be read: there is no such file',
  ])
})

test('an error of a review is told at the value it means', async () => {
  assert.deepEqual(await load(`${SERVICE}routes: { a: { path: /a, service: s, policies: { look: { note: bad } } } }\n`), [
    'error 2:64 this is bad',
  ])
})
