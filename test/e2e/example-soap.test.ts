/** What the page of the SOAP example says to try, tried with curl: its own configuration and service, with Turnpike on another port. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { commands, startServices } from '../../examples/soap/example.ts'
import { GatewayProcess } from './gateway-process.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'soap')
const run = promisify(execFile)

test('the SOAP example does what its page says', async (t) => {
  t.after(await startServices())
  const config = readFileSync(join(FOLDER, 'turnpike.yaml'), 'utf8')
    .replace('port: 8080', 'port: 0')
    .replace('wsdl: stock.wsdl', `wsdl: ${join(FOLDER, 'stock.wsdl')}`)
  const { url } = await new GatewayProcess(t, { config: `${config}\nadmin: { port: 0 }\naccessLog: false\n` }).ready()
  const sh = async (command: string): Promise<string> => (await run('sh', ['-c', command])).stdout

  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8')
  const tries = [...page.matchAll(/```sh\n(curl [^\n]*)\n```\n\n```json\n(.*?)```/gs)]
  assert.equal(tries.length, 5)
  for (const [, command = '', expected = ''] of tries) {
    const text = await sh(command.replaceAll('http://127.0.0.1:8080', url))
    const { requestId: _, ...told } = JSON.parse(text) as Record<string, unknown>
    assert.deepEqual(told, JSON.parse(expected), command)
    // Numbers in their own digits, which parsing loses.
    for (const digits of expected.match(/\d+\.\d0\b|\d{16,}/g) ?? []) assert.ok(text.includes(digits), `${digits} in ${text}`)
  }
  const statuses: string[] = []
  for (const [command] of commands(url)) statuses.push(/^HTTP\/1\.1 (\d+)/.exec(await sh(`${command} -s`))?.[1] ?? '')
  assert.deepEqual(statuses, ['200', '200', '200', '400', '404', '202'])
})
