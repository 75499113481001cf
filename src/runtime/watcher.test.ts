import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FileWatcher } from './watcher.ts'

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-watcher-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A watcher with the poll as good as off; `next` waits for one more change. */
async function watching(t: TestContext, files: readonly string[], pollMs = 1e9) {
  let changes = 0
  let told = Promise.withResolvers<void>()
  const onChange = (): void => {
    changes++
    told.resolve()
  }
  const watcher = new FileWatcher({ onChange, debounceMs: 5, pollMs })
  t.after(() => watcher.close())
  await watcher.setFiles(files)
  return {
    watcher,
    changes: () => changes,
    next: async () => {
      await told.promise
      told = Promise.withResolvers()
    },
  }
}

test('a file written in place is seen', async (t) => {
  const file = join(temporaryFolder(t), 'a.yaml')
  writeFileSync(file, 'one')
  const { next } = await watching(t, [file])
  writeFileSync(file, 'two')
  await next()
  writeFileSync(file, 'three')
  await next()
})

test('a file put in the place of the old one by a rename is seen, every time', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'a.yaml')
  writeFileSync(file, '0')
  const { next } = await watching(t, [file])
  for (const content of ['1', '2', '3']) {
    writeFileSync(join(folder, '.a.yaml.new'), content)
    renameSync(join(folder, '.a.yaml.new'), file)
    await next()
  }
})

test('the swap of a link beside the file is seen, as Kubernetes does it for a ConfigMap', async (t) => {
  const folder = temporaryFolder(t)
  const version = (name: string, content: string): void => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'a.yaml'), content)
    symlinkSync(name, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  version('..2026_01', 'one')
  symlinkSync('..data/a.yaml', join(folder, 'a.yaml'))
  const { next } = await watching(t, [join(folder, 'a.yaml')])
  for (const name of ['..2026_02', '..2026_03']) {
    version(name, name)
    await next()
  }
})

test('what a link in another folder points to is seen when it is written', async (t) => {
  const [folder, other] = [temporaryFolder(t), temporaryFolder(t)]
  writeFileSync(join(other, 'real.yaml'), 'one')
  symlinkSync(join(other, 'real.yaml'), join(folder, 'a.yaml'))
  const { next } = await watching(t, [join(folder, 'a.yaml')])
  writeFileSync(join(other, 'real.yaml'), 'two')
  await next()
})

test('a file that is removed and made again is seen both times', async (t) => {
  const file = join(temporaryFolder(t), 'a.yaml')
  writeFileSync(file, 'one')
  const { next } = await watching(t, [file])
  unlinkSync(file)
  await next()
  writeFileSync(file, 'two')
  await next()
})

test('a folder that is removed and made again is watched again after the next look', async (t) => {
  const folder = join(temporaryFolder(t), 'conf')
  const file = join(folder, 'a.yaml')
  mkdirSync(folder)
  writeFileSync(file, 'one')
  const { next, watcher } = await watching(t, [file])
  rmSync(folder, { recursive: true })
  await next()
  mkdirSync(folder)
  writeFileSync(file, 'two')
  await watcher.check()
  await next()
  writeFileSync(file, 'three')
  await next()
})

test('the same content written anew is no change, and neither is another file of the folder', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'a.yaml')
  writeFileSync(file, 'one')
  const { watcher, changes } = await watching(t, [file])
  writeFileSync(file, 'one')
  writeFileSync(join(folder, 'other.log'), 'x')
  await watcher.check()
  assert.equal(changes(), 0)
})

test('without any sign the poll finds the change', async (t) => {
  const file = join(temporaryFolder(t), 'missing-folder', 'a.yaml')
  const { next } = await watching(t, [file], 5)
  mkdirSync(join(file, '..'))
  writeFileSync(file, 'one')
  // The poll does not keep a process alive by itself.
  const alive = setInterval(() => {}, 1_000)
  t.after(() => clearInterval(alive))
  await next()
})

test('a change made before the set of files is known is told all the same', async (t) => {
  const folder = temporaryFolder(t)
  const [file, secret] = [join(folder, 'a.yaml'), join(folder, 'secret')]
  writeFileSync(file, 'one')
  writeFileSync(secret, 'one')
  const { watcher, next } = await watching(t, [file])
  writeFileSync(file, 'two')
  await watcher.setFiles([file, secret])
  await watcher.check()
  await next()
})

test('a change during a reload leads to one more, and after closing nothing is told', async (t) => {
  const file = join(temporaryFolder(t), 'a.yaml')
  writeFileSync(file, 'one')
  let running = 0
  let changes = 0
  const watcher = new FileWatcher({
    debounceMs: 1e6,
    onChange: async () => {
      assert.equal(++running, 1, 'reloads never overlap')
      if (++changes === 1) {
        writeFileSync(file, 'three')
        void watcher.check()
      }
      await Promise.resolve()
      running--
    },
  })
  t.after(() => watcher.close())
  await watcher.setFiles([file])
  writeFileSync(file, 'two')
  await watcher.check()
  assert.equal(changes, 2)
  watcher.close()
  writeFileSync(file, 'four')
  await watcher.check()
  assert.equal(changes, 2)
})
