import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { GatewayIr } from '../config/ir.ts'
import { loadConfig } from '../config/load.ts'
import { ConfigDesk } from './config-desk.ts'
import { HISTORY_MAX } from './config-history.ts'
import { writableSource } from './source-file.ts'

const one = (path: string) => `services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { r: { path: ${path}, service: s } }\n`

async function checked(name: string, text: string) {
  const loaded = await loadConfig([{ name, text }], { policies: [], env: {}, availableCpus: 1 })
  return 'ir' in loaded ? { ir: loaded.ir, problems: loaded.warnings } : { ir: null, problems: loaded.problems }
}

/** A gateway that takes what its file says, unless it is told to refuse. */
class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'turnpike-desk-'))
  readonly file = join(this.folder, 'turnpike.yaml')
  readonly reloads: string[] = []
  running: GatewayIr | null = null
  refuses = false
  readonly desk: ConfigDesk

  constructor(t: TestContext) {
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
    writeFileSync(this.file, one('/a'), { mode: 0o640 })
    chmodSync(this.file, 0o640)
    this.desk = new ConfigDesk({
      sources: [this.file],
      check: checked,
      reload: (cause) => this.load(cause),
      running: () => this.running,
      lastError: () => (this.refuses ? 'the port is in use' : null),
    })
  }

  async load(cause: string): Promise<void> {
    this.reloads.push(cause)
    const text = readFileSync(this.file, 'utf8')
    const { ir } = await checked(this.file, text)
    if (ir === null || this.refuses) return
    this.running = ir
    this.desk.note({ ir, display: () => text, text, atMs: this.reloads.length, cause })
  }

  async started(): Promise<this> {
    await this.load('start')
    return this
  }

  put(text: string, isExpected: (revision: string) => boolean = () => true) {
    return this.desk.apply(text, isExpected, 'ops', 'PUT /config')
  }
}

test('a document is written, the old one is kept beside it, and the history says who it was', async (t) => {
  const rig = await new Rig(t).started()
  const before = rig.running?.revision
  const outcome = await rig.put(one('/b'))
  assert.equal(outcome.kind, 'applied')
  assert.equal(readFileSync(rig.file, 'utf8'), one('/b'))
  assert.equal(readFileSync(`${rig.file}.bak`, 'utf8'), one('/a'))
  assert.equal(statSync(rig.file).mode & 0o777, 0o640)
  assert.deepEqual(readdirSync(rig.folder).sort(), ['turnpike.yaml', 'turnpike.yaml.bak'])
  const [newest, oldest] = rig.desk.history.entries
  assert.deepEqual([newest?.cause, newest?.by, oldest?.cause, oldest?.by], ['PUT /config', 'ops', 'start', null])
  assert.equal(rig.desk.history.find(before ?? '')?.text, one('/a'))
})

test('a wrong document, another revision than expected and a change at the last moment leave the file alone', async (t) => {
  const rig = await new Rig(t).started()
  const wrong = await rig.put('routes: { r: { path: /x, service: none, timeot: 1s } }')
  assert.equal(wrong.kind, 'wrong')
  assert.equal(wrong.kind === 'wrong' && wrong.problems.every(({ location }) => location.file === rig.file && location.line === 1), true)
  assert.equal((await rig.put(one('/b'), () => false)).kind, 'stale')
  let asked = 0
  assert.equal((await rig.put(one('/b'), () => asked++ === 0)).kind, 'stale')
  assert.equal(readFileSync(rig.file, 'utf8'), one('/a'))
  assert.deepEqual(rig.reloads, ['start'])
})

test('what the gateway cannot take is taken back, so that the next start does not fail', async (t) => {
  const rig = await new Rig(t).started()
  rig.refuses = true
  assert.deepEqual(await rig.put(one('/b')), { kind: 'refused', reason: 'the port is in use', leftOver: null })
  assert.equal(readFileSync(rig.file, 'utf8'), one('/a'))
  assert.deepEqual(rig.reloads, ['start', 'PUT /config', 'PUT /config is undone'])
})

test('one document is looked at at a time', async (t) => {
  const rig = await new Rig(t).started()
  const { promise, resolve } = Promise.withResolvers<void>()
  const first = rig.desk.alone(() => promise.then(() => 1))
  assert.equal(await rig.desk.alone(async () => 2), null)
  resolve()
  assert.deepEqual([await first, await rig.desk.alone(async () => 3)], [1, 3])
})

test('only one local file in YAML or JSON is written, and a link is followed', async (t) => {
  const { folder, file } = new Rig(t)
  const link = join(folder, 'link.yaml')
  symlinkSync(file, link)
  assert.deepEqual(await writableSource([link]), { file })
  for (const sources of [[], [file, file], ['etcd://127.0.0.1/turnpike'], [join(folder, 'x.ts')], [join(folder, 'none.yaml')]])
    assert.ok('reason' in (await writableSource(sources)), sources.join())
})

test('the history is bounded, and a configuration that means the same is no new entry', async (t) => {
  const rig = await new Rig(t).started()
  for (let i = 0; i < HISTORY_MAX + 3; i++) {
    writeFileSync(rig.file, one(`/${i}`))
    await rig.load('a file changed')
  }
  assert.equal(rig.desk.history.entries.length, HISTORY_MAX)
  writeFileSync(rig.file, `# why\n${one(`/${HISTORY_MAX + 2}`)}`)
  await rig.load('a file changed')
  assert.equal(rig.desk.history.entries.length, HISTORY_MAX)
  assert.match(rig.desk.history.entries[0]?.text ?? '', /^# why/)
})
