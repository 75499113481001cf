import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const TIMEOUT_MS = 30_000
const folder = mkdtempSync(join(tmpdir(), 'turnpike-cli-'))
after(() => rmSync(folder, { recursive: true }))

function turnpike(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin', 'turnpike'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, TOKEN: 'value of the token' },
  })
  return { status, stdout, stderr }
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}

test('help and version are asked for and end with 0', () => {
  const help = turnpike('--help')
  assert.equal(help.status, 0)
  for (const command of ['start', 'check', 'explain', 'schema']) assert.match(help.stdout, new RegExp(`^  ${command}\\b`, 'm'))
  const version = turnpike('--version')
  assert.deepEqual([version.status, /^\d+\.\d+\.\d+\n$/.test(version.stdout), version.stderr], [0, true, ''])
})

test('a wrong call ends with 2 and says what is right', () => {
  const wrong = turnpike('chek', 'x.yaml')
  assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
  assert.match(wrong.stderr, /unknown command 'chek'\n\(Did you mean check\?\)/)
  for (const args of [[], ['check'], ['check', '--nope', 'x'], ['explain', 'x.yaml', 'GET'], ['schema', 'x']])
    assert.equal(turnpike(...args).status, 2, args.join(' '))
})

test('check says in one line that a file is good', () => {
  const file = write('good.yaml', 'services: { a: { targets: ["127.0.0.1:1"] } }\nroutes: { a: { path: /a, service: a } }\n')
  const { status, stdout, stderr } = turnpike('check', file)
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^✔ good\.yaml: 1 listener, 1 service, 1 route, revision [0-9a-f]{12}\n$/)
})

test('check says all that is wrong with a file and ends with 1', () => {
  const file = write(
    'bad.yaml',
    'admin: { token: 7 }\nrouts: {}\nroutes: { a: { path: /a, service: b, policies: { headers: { request: { st: {} } } } } }\n',
  )
  const { status, stdout, stderr } = turnpike('check', file)
  assert.deepEqual([status, stdout], [1, ''])
  const places = [...stderr.matchAll(/^bad\.yaml:(\d+:\d+): (\w+): /gm)].map(([, place, severity]) => `${place} ${severity}`)
  assert.deepEqual(places, ['1:17 error', '2:1 error', '3:35 error', '3:72 error'])
  assert.match(stderr, /\n✖ bad\.yaml: 4 errors\n$/)
})

test('check reads the environment and never shows it', () => {
  const file = write('env.yaml', `admin: { token: "\${env:TOKEN}", port: "\${env:TOKEN}" }\n`)
  const { status, stderr } = turnpike('check', file)
  assert.equal(status, 1)
  assert.doesNotMatch(stderr, /value of the token/)
})

test('check accepts the quickstart and a TypeScript file', () => {
  assert.equal(turnpike('check', join(ROOT, 'examples', 'quickstart', 'turnpike.yaml')).status, 0)
  const file = write(
    'gateway.ts',
    `import { defineGateway } from '${join(ROOT, 'src', 'index.ts')}'\nexport default defineGateway({ routes: {} })\n`,
  )
  assert.equal(turnpike('check', file).status, 0)
})

test('schema prints the JSON Schema', () => {
  const { status, stdout } = turnpike('schema')
  assert.equal(status, 0)
  assert.equal(JSON.parse(stdout).$schema, 'https://json-schema.org/draft/2020-12/schema')
})
