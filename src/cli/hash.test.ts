import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { loadTexts } from '../config/testing.ts'
import { parsePasswordHash, scryptDigest } from '../core/password-hash.ts'
import { type HashKind, hashLine } from './hash.ts'

async function run(kind: string, input: string) {
  const child = spawn(process.execPath, [new URL('../main.ts', import.meta.url).pathname, 'hash', kind])
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { stdout, stderr, status }
}

async function problemOf(kind: HashKind, secret: string): Promise<string> {
  const line = await hashLine(kind, secret)
  return 'problem' in line ? line.problem : 'none'
}

test('what is printed can be written into a credential, and is of the secret without its line feed', async () => {
  const key = 'a-key-of-sixteen-or-more'
  const [printedKey, printedPassword] = await Promise.all([run('key', `${key}\n`), run('password', 'pass wörd\r\n')])
  assert.deepEqual(printedKey, { stdout: `hash: sha256:${hash('sha256', key)}\n`, stderr: '', status: 0 })
  assert.equal(printedPassword.status, 0)
  const parsed = parsePasswordHash(printedPassword.stdout.trim().replace('passwordHash: ', ''))
  assert.ok(parsed !== null)
  assert.deepEqual(await scryptDigest('pass wörd', parsed.salt, parsed), parsed.digest)
  const yaml = `consumers:\n  a:\n    keys:\n      - ${printedKey.stdout}    basic:\n      - username: n\n        ${printedPassword.stdout}`
  const loaded = await loadTexts({ 'g.yaml': yaml })
  assert.ok('ir' in loaded, 'problems' in loaded ? JSON.stringify(loaded.problems) : '')
})

test('the same password has another hash each time', async () => {
  const [one, other] = await Promise.all([hashLine('password', 'x'), hashLine('password', 'x')])
  assert.notDeepEqual(one, other)
})

test('a secret that could not be used is refused, and a short key is warned of', async () => {
  assert.match(await problemOf('key', ''), /nothing to hash/)
  assert.match(await problemOf('key', 'two words'), /no blanks/)
  assert.match(await problemOf('key', 'ä'), /ASCII/)
  assert.match(await problemOf('key', 'x'.repeat(5_000)), /at most 4096/)
  assert.match(await problemOf('password', 'a\nb'), /control characters/)
  assert.match(await problemOf('password', 'x'.repeat(2_000)), /at most 1024/)
  const short = await hashLine('key', 'short')
  assert.match('problem' in short ? '' : (short.warning ?? ''), /fewer than 16/)
  const { status, stderr } = await run('keys', 'x')
  assert.equal(status, 2)
  assert.match(stderr, /key, password/)
})
