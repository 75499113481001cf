/** gRPC: unary calls passed on, and made of REST. The service behind is nginx, which answers each call with the same message. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { costOf, h2load, wrk } from './load.ts'
import { BARE, PEERS, type Scenario, type Subject } from './scenario.ts'

const TIMEOUT_MS = 10_000
const SERVICE = 'bench.Catalogue'
export const GRPC_PATH = `/${SERVICE}/`
const METHOD_PATH = `${GRPC_PATH}SaveUser`

const USER = { id: '1234567', name: 'Ada Lovelace', email: 'ada@example.com', roles: ['reader', 'writer'], active: true, page: 10 }

const PROTO = `syntax = "proto3";
package bench;
import "google/api/annotations.proto";

service Catalogue {
  rpc SaveUser(User) returns (User) {
    option (google.api.http) = { post: "/v1/users/{id}" body: "*" };
  }
}

message User {
  int64 id = 1;
  string name = 2;
  string email = 3;
  repeated string roles = 4;
  bool active = 5;
  int32 page = 6;
}
`

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Buffer.from([...bytes, rest])
}

const numberField = (field: number, value: number): Buffer => Buffer.concat([Buffer.from([field << 3]), varint(value)])
const textField = (field: number, text: string): Buffer => Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)])

/** {@link USER} as a message of gRPC: not compressed, its length, its bytes. */
function grpcMessage(): Buffer {
  const { id, name, email, roles, active, page } = USER
  const fields = [numberField(1, Number(id)), textField(2, name), textField(3, email), ...roles.map((role) => textField(4, role))]
  const message = Buffer.concat([...fields, numberField(5, Number(active)), numberField(6, page)])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

const MESSAGE = grpcMessage()
const HEADERS = { 'content-type': 'application/grpc', te: 'trailers', 'user-agent': 'grpc-bench/1.0', 'grpc-timeout': '10S' }

/** For the service's nginx: a server that answers calls below {@link GRPC_PATH}. */
export function nginxGrpcServer(folder: string, port: number): string {
  writeFileSync(join(folder, 'message'), MESSAGE)
  // Static files are not for POST, but an error page is. A mirror, here of nothing, makes nginx read the whole call before it answers; else it
  // resets what is still coming, and nginx as client takes the reset for an error of the next call. Without sendfile an answer is one write;
  // the second of two would wait for an acknowledgement.
  return `server {
    listen 127.0.0.1:${port} http2 backlog=4096;
    sendfile off;
    default_type application/grpc;
    add_trailer grpc-status 0;
    error_page 405 =200 /message;
    location ${GRPC_PATH} { mirror /nothing; root ${folder}; try_files /message =404; }
    location = /nothing { internal; return 204; }
    location = /message { root ${folder}; }
  }`
}

/** Calls once. Rejects when the answer is not the message with status 0. */
async function checkUnary({ name, port }: Subject): Promise<void> {
  const session = connect(`http://127.0.0.1:${port}`)
  try {
    const stream = session.request({ ':method': 'POST', ':path': METHOD_PATH, ...HEADERS })
    let status: string | undefined
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      status = trailers['grpc-status']?.toString()
    })
    stream.end(MESSAGE)
    const ended = once(stream, 'end', { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    await ended
    if (status !== '0' || !Buffer.concat(chunks).equals(MESSAGE)) throw new Error(`${name} answered a call with grpc-status ${status}`)
  } finally {
    session.destroy()
  }
}

/** Asks once by REST. Rejects when the answer is not the user as JSON. */
async function checkTranscoding({ name, port }: Subject): Promise<void> {
  if (name !== 'turnpike') return
  const answer = await fetch(`http://127.0.0.1:${port}/v1/users/${USER.id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(USER),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await answer.text()
  if (!answer.ok || !isDeepStrictEqual(JSON.parse(text), USER)) throw new Error(`${name} answered ${answer.status}: ${text}`)
}

/** @param messageFile where the message to send is put */
export function grpcScenarios(messageFile: string): readonly Scenario[] {
  writeFileSync(messageFile, MESSAGE)
  const call = { path: METHOD_PATH, headers: HEADERS, bodyFile: messageFile, answerBytes: MESSAGE.length }
  const ask = { kind: 'json', path: `/v1/users/${USER.id}`, parameter: JSON.stringify(USER) }
  return [
    {
      name: 'grpc',
      says: `unary calls of ${MESSAGE.length} bytes there and back, HTTP/2 without TLS on both sides`,
      needs: { ...BARE, front: 'h2c', work: 'grpc' },
      only: PEERS,
      programs: ['h2load'],
      fresh: false,
      check: checkUnary,
      measure: (subject, seconds) => costOf(subject, () => h2load('h2c', subject.port, call, seconds)),
    },
    {
      name: 'transcoding',
      says: 'POST of JSON, Turnpike makes it a unary call and JSON of the answer; the others pass JSON on, bare',
      needs: { ...BARE, work: 'transcoding' },
      fresh: false,
      check: checkTranscoding,
      measure: (subject, seconds) => costOf(subject, () => wrk('http', subject.port, ask, seconds)),
    },
  ]
}

/** For nginx's `http` and `server` blocks. */
export function nginxGrpc(grpc: string): { readonly http: string; readonly server: string } {
  return {
    http: `upstream grpc { server ${grpc}; keepalive 128; keepalive_requests 1000000000; }
  grpc_set_header X-Request-ID $request_id; grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for; grpc_set_header Host $http_host;
  grpc_set_header X-Forwarded-Proto $scheme; grpc_set_header X-Forwarded-Host $http_host;`,
    server: `location ${GRPC_PATH} { grpc_pass grpc://grpc; }`,
  }
}

/** For Turnpike's route below `/v1/`. */
export function transcodingPolicy(folder: string): string {
  const file = join(folder, 'catalogue.proto')
  writeFileSync(file, PROTO)
  return `grpc-transcoding: { proto: ${file} }`
}
