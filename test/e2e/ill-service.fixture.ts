/**
 * A service in a process of its own that can be ill. It says on standard output on which port it listens, is told on standard input how it
 * is from now on, a line each, and says that line back when it is so: `well`, `slow` (answers after 3 s), `garbage` (answers what is no
 * HTTP, and closes), `failing` (answers 500).
 *
 * Each answer tells who gives it and what was asked, so that one that went astray is known: `{"service": "1234", "path": "/orders/7"}`.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

const SLOW_MS = 3_000

let condition = 'well'

function say(what: string | number): void {
  process.stdout.write(`${what}\n`)
}

const server = createServer((request, response) => {
  const body = JSON.stringify({ service: String((server.address() as AddressInfo).port), path: request.url })
  const answer = (status: number): void => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body)
  }
  if (condition === 'slow') setTimeout(answer, SLOW_MS, 200)
  else if (condition === 'garbage') request.socket.end('\u0000\u0001 this is no HTTP\n\n')
  else answer(condition === 'failing' ? 500 : 200)
})
// What a check or a client leaves open must not look like illness.
server.keepAliveTimeout = 60_000
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => say((server.address() as AddressInfo).port))
createInterface({ input: process.stdin })
  .on('line', (line) => {
    condition = line
    say(line)
  })
  .on('close', () => process.exit())
