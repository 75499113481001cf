/** What the page of the example says to try, tried with curl: its own configuration and service, with Turnpike on another port. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { toJson } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { commands, startServices } from '../../examples/grpc-transcoding/example.ts'
import { readDescriptorSet } from '../../src/policies/grpc-transcoding/descriptor-set.ts'
import { compileProtos } from '../../src/policies/grpc-transcoding/proto/compile.ts'
import { GatewayProcess } from './gateway-process.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'grpc-transcoding')
const run = promisify(execFile)

test('the example of REST in front of gRPC does what its page says', async (t) => {
  t.after(await startServices())
  const config = readFileSync(join(FOLDER, 'turnpike.yaml'), 'utf8')
    .replace('port: 8080', 'port: 0')
    .replace('proto: library.proto', `proto: ${join(FOLDER, 'library.proto')}`)
  const { url } = await new GatewayProcess(t, { config: `${config}\nadmin: { port: 0 }\naccessLog: false\n` }).ready()
  const sh = async (command: string): Promise<string> => (await run('sh', ['-c', command])).stdout

  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  const tries = [...page.matchAll(/```sh\n(curl [^\n]*)\n```\n\n```json\n(.*?)```/gs)]
  assert.equal(tries.length, 5)
  for (const [, command = '', expected = ''] of tries) {
    const { requestId: _, ...told } = JSON.parse(await sh(command.replaceAll('http://127.0.0.1:8080', url))) as Record<string, unknown>
    assert.deepEqual(told, JSON.parse(expected), command)
  }
  const answers: string[] = []
  for (const [command] of commands(url).filter(([text]) => text.startsWith('curl'))) {
    const text = await sh(`${command} -s`)
    answers.push(`${/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]} ${/^content-type: (\S+)/im.exec(text)?.[1]}`)
  }
  assert.deepEqual(answers, [
    '200 application/json',
    '200 application/json',
    '200 application/json',
    '404 application/problem+json',
    '400 application/problem+json',
    '200 application/x-ndjson',
    '200 text/event-stream',
  ])
})

test("the descriptors of the example's service are those of its .proto file", async () => {
  const read = (name: string) =>
    Promise.resolve(name === 'library.proto' ? { shownName: name, text: readFileSync(join(FOLDER, name), 'utf8') } : null)
  const own = (await compileProtos(['library.proto'], { read })).at(-1)
  const theirs = readDescriptorSet(readFileSync(join(FOLDER, 'library.binpb'))).find(({ name }) => name === 'library.proto')
  assert.ok(own !== undefined && theirs !== undefined)
  const shape = (file: typeof own): unknown => {
    const { messageType, enumType, service } = Object(toJson(FileDescriptorProtoSchema, file))
    return JSON.parse(JSON.stringify([messageType, enumType, service]), (key, value: unknown) => (key === 'options' ? undefined : value))
  }
  assert.deepEqual(shape(own), shape(theirs))
})
