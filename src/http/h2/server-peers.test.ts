import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ensureDebianProgram, missingReason } from '../../../test/services/debian.ts'
import { TestServer } from './testing-server.ts'

const run = promisify(execFile)
const TIMEOUT_MS = 20_000

/** The output of a program that has to succeed. */
async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

const curl = ensureDebianProgram('curl', 'curl')
const nghttp = ensureDebianProgram('nghttp', 'nghttp2-client')
const h2load = ensureDebianProgram('h2load', 'nghttp2-client')

test('curl gets answers and sends bodies by prior knowledge', { skip: curl === null && missingReason('curl') }, async () => {
  await using server = await TestServer.start({
    answer: (handler) => handler.body((body) => handler.reply(200, `${handler.exchange.request.method} ${body.length}`)),
  })
  const args = ['--silent', '--http2-prior-knowledge', '--write-out', ' %{http_version} %{http_code}']
  assert.equal(await output(curl ?? '', [...args, `${server.url}/a`]), 'GET 0 2 200')
  const big = 'x'.repeat(100_000)
  assert.equal(await output(curl ?? '', [...args, '--data', big, `${server.url}/a`]), 'POST 100000 2 200')
  assert.equal(await output(curl ?? '', [...args, '--data', 'y', '--header', 'Expect: 100-continue', server.url]), 'POST 1 2 200')
  assert.equal(await output(curl ?? '', [...args, '--path-as-is', `${server.url}/../a`]), 'request_path_invalid 2 400')
})

test('nghttp gets many responses on one connection, trailers too', { skip: nghttp === null && missingReason('nghttp') }, async () => {
  await using server = await TestServer.start({
    answer: (handler) => handler.body((body, trailers) => handler.reply(200, `${body.length} ${JSON.stringify(trailers)}\n`)),
  })
  const urls = Array.from({ length: 10 }, (_, i) => `${server.url}/${i}`)
  assert.equal(await output(nghttp ?? '', urls), '0 []\n'.repeat(10))
  const args = ['--data', import.meta.filename, '--trailer', 'x-sum: 1', server.url]
  assert.match(await output(nghttp ?? '', args), /^\d{4} \[\["x-sum","1"\]\]\n$/)
  assert.equal(server.sessions.length, 2)
})

test('h2load gets all its answers, with many streams and with windows of a few bytes', {
  skip: h2load === null && missingReason('h2load'),
}, async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(200, Buffer.alloc(3000)) })
  for (const args of [
    ['-n', '2000', '-c', '4', '-m', '100'],
    ['-n', '50', '-c', '2', '-m', '10', '-w', '10', '-W', '12'],
    ['-n', '200', '-c', '2', '-m', '10', '-d', import.meta.filename],
  ]) {
    const text = await output(h2load ?? '', [...args, `${server.url}/`])
    const [, done] = /requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, 0 failed/.exec(text) ?? assert.fail(text)
    assert.equal(done, args[1])
  }
  assert.equal(server.requestsInFlight.value, 0)
})
