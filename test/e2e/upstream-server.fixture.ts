/**
 * A service in a process of its own, so that it can be killed. It says on standard output on which port it listens, and how far it is
 * with a request, so that a test kills it at exactly that point:
 *
 * - `/ok` answers its process id; `/last` too, and closes the connection.
 * - `/length` reads a body and answers how many bytes it had; says `body` with the first of them.
 * - `/stuck` reads the request and never answers; says `request`, and `body` with the first bytes of a body.
 * - `/half/length` and `/half/chunked` send the head and half of a body; say `half`.
 *
 * An upgrade to `websocket` is accepted; what comes then is answered with the same bytes.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WEBSOCKET_SWITCH } from '../wire/websocket.ts'

const HALF = 'x'.repeat(1_000)

function say(what: string | number): void {
  process.stdout.write(`${what}\n`)
}

function sendHalf(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  response.writeHead(200, headers)
  response.write(HALF, () => say('half'))
}

const server = createServer((request, response) => {
  if (request.url === '/stuck') {
    say('request')
    request.once('data', () => say('body'))
  } else if (request.url === '/half/length') {
    sendHalf(response, { 'Content-Length': String(2 * HALF.length) })
  } else if (request.url === '/half/chunked') {
    sendHalf(response, {})
  } else if (request.url === '/length') {
    let length = 0
    request.once('data', () => say('body'))
    request.on('data', (bytes: Buffer) => {
      length += bytes.length
    })
    request.once('end', () => response.end(String(length)))
  } else {
    const body = String(process.pid)
    if (request.url === '/last') response.setHeader('Connection', 'close')
    request.resume().once('end', () => response.setHeader('Content-Length', body.length).end(body))
  }
})
server.on('upgrade', (_request, socket) => {
  socket.on('error', () => {})
  socket.write(WEBSOCKET_SWITCH)
  socket.pipe(socket)
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => say((server.address() as AddressInfo).port))
