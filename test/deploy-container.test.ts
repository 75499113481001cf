/** The container file, as far as that goes without a container: what it says, and that the program runs with nothing but what it copies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const DOCKERFILE = join(ROOT, 'deploy/container/Dockerfile')
const HOME = '/opt/turnpike'
const PROGRAM = join(HOME, 'bin/turnpike')

interface Instruction {
  readonly name: string
  readonly words: readonly string[]
  /** All that stands behind the name. */
  readonly text: string
}

/** The stages, each from its FROM on. */
function readStages(): Instruction[][] {
  const text = readFileSync(DOCKERFILE, 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
  const stages: Instruction[][] = []
  for (const line of text.split('\n')) {
    const [, name, rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line.trim()) ?? []
    if (name === undefined) {
      assert.equal(line.trim(), '', 'every line is an instruction')
      continue
    }
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, text: rest, words: rest.split(/\s+/) })
  }
  return stages
}

const stages = readStages()
const [build = [], final = []] = stages
const texts = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ text }) => text)
/** Sources and place of each COPY from the folder that is built in. */
const copies = (stage: readonly Instruction[]) =>
  stage
    .filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from'))
    .map(({ words }) => ({ sources: words.slice(0, -1), place: words.at(-1) ?? '' }))

/** Of a pattern: a star is within a name, dots included; two are any folders. */
function regexOf(pattern: string): RegExp {
  const anyFolders = pattern.startsWith('**/')
  const names = pattern.slice(anyFolders ? 3 : 0).split('*')
  return new RegExp(`^${anyFolders ? '(.*/)?' : ''}${names.map((name) => RegExp.escape(name)).join('[^/]*')}$`)
}

const patterns = readFileSync(`${DOCKERFILE}.dockerignore`, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ lets: line.startsWith('!'), regex: regexOf(line.replace(/^!/, '')) }))

/** Whether a path is left out: the last pattern that it, or a folder it is in, matches decides. */
function isIgnored(path: string): boolean {
  const parts = path.split('/')
  const paths = parts.map((_part, i) => parts.slice(0, i + 1).join('/'))
  return patterns.reduce((ignored, { lets, regex }) => (paths.some((own) => regex.test(own)) ? !lets : ignored), false)
}

test('Node is 26.13 or newer, and both images are named by a tag that says which', () => {
  assert.equal(stages.length, 2)
  const [, major, minor] = /^node:(\d+)\.(\d+)\.\d+-bookworm-slim AS node$/.exec(texts(build, 'FROM')[0] ?? '') ?? []
  assert.ok(Number(major) === 26 && Number(minor) >= 13, 'see dependencies.md: 26.12.1 fixes a fault, 26.13 is supported for long')
  // The same release of Debian as that of Node's image, so that the program finds the libraries it was tried with.
  assert.deepEqual(texts(final, 'FROM'), ['debian:bookworm-slim'])
})

test('packages come from the lock, without those for development and without their scripts', () => {
  const npm = build.find(({ text }) => text.startsWith('npm '))?.words ?? []
  assert.equal(npm[1], 'ci')
  for (const flag of ['--omit=dev', '--ignore-scripts', '--workspaces=false']) assert.ok(npm.includes(flag), flag)
  assert.deepEqual(
    copies(build).flatMap(({ sources }) => sources),
    ['package.json', 'package-lock.json', '.npmrc'],
  )
})

test('the image has what Node links to, and runs as nobody in particular', () => {
  assert.match(texts(final, 'RUN').join('\n'), /apt-get install .*--no-install-recommends .*libatomic1/)
  assert.match(texts(final, 'USER').at(-1) ?? '', /^[1-9]\d*:[1-9]\d*$/)
  assert.deepEqual(texts(final, 'ENV'), ['TURNPIKE_STATE_DIR=/var/lib/turnpike'])
  assert.ok(texts(final, 'RUN').some((text) => / install --directory --owner=65532 .* \/var\/lib\/turnpike$/.test(text)))
  assert.deepEqual(texts(final, 'STOPSIGNAL'), ['SIGTERM'])
  // As a list: a shell in between would keep SIGTERM to itself.
  const entry = JSON.parse(texts(final, 'ENTRYPOINT')[0] ?? '') as string[]
  assert.deepEqual(entry, ['/usr/local/bin/node', PROGRAM])
  assert.deepEqual(texts(final, 'HEALTHCHECK'), ['NONE'])
  for (const stage of stages) assert.deepEqual(texts(stage, 'ADD'), [])
})

test('all that is copied is there and let through, and tests are not', () => {
  for (const { sources } of stages.flatMap(copies)) {
    for (const source of sources) {
      assert.ok(existsSync(join(ROOT, source)), source)
      assert.ok(!isIgnored(source), source)
    }
  }
  const ignored = ['docs/operations.md', 'node_modules/zod/package.json', '.git/config', 'src/core/path.test.ts', 'src/compile/testing.ts']
  for (const path of ignored) assert.ok(isIgnored(path), path)
  for (const path of ['src/main.ts', 'src/cli/worker.ts', 'bin/turnpike', 'bin/package.json']) assert.ok(!isIgnored(path), path)
})

/** Does what the final stage copies, below a folder. Packages are links to those that `npm ci --omit=dev --workspaces=false` would install. */
function copyInto(root: string): void {
  for (const { sources, place } of copies(final)) {
    for (const source of sources) {
      const target = join(root, place, place.endsWith('/') ? source : '')
      cpSync(join(ROOT, source), target, { recursive: true, filter: (from) => !isIgnored(relative(ROOT, from)) })
    }
  }
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
  for (const [path, { dev, devOptional, optional, link }] of Object.entries(lock.packages)) {
    if (!path.startsWith('node_modules/') || dev || devOptional || optional || link) continue
    mkdirSync(join(root, HOME, dirname(path)), { recursive: true })
    symlinkSync(join(ROOT, path), join(root, HOME, path))
  }
}

function imageFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const CONFIG = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 1
stores: { redis: { address: "127.0.0.1:1" } }
routes:
  all:
    path: /*
    policies:
      rate-limit: { by: ip, rate: 10, store: redis, onStoreError: open }
      jwt: { secret: "0123456789abcdef0123456789abcdef", algorithm: HS256, mode: shadow }
      request-validation: { body: { type: object }, mode: shadow }
      static-response: { body: served }
`

test('the program serves and drains with nothing but what the image has', { timeout: 60_000 }, async (t) => {
  const root = imageFolder(t)
  copyInto(root)
  const missing = globSync('**/*.test.ts', { cwd: join(root, HOME, 'src') })
  assert.deepEqual(missing, [])
  const config = join(root, 'turnpike.yaml')
  writeFileSync(config, CONFIG)
  const child = spawn(process.execPath, [join(root, PROGRAM), 'start', config], {
    cwd: root,
    // As in the image, where nothing is set.
    env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: root },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said += String(text)
  })
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const url = /ready: (http:\S+?),/.exec(String(value))?.[1]
  assert.ok(url, said)
  const response = await fetch(url)
  assert.equal(await response.text(), 'served', said)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null], said)
})
