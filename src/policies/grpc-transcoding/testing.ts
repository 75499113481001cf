/** A small API for tests, and requests and answers of it. */
import { create, type DescMessage, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf'
import type { Exchange } from '../../core/exchange.ts'
import { Headers } from '../../core/headers.ts'
import type { CompileContext, PolicySteps, Verdict } from '../../core/policy.ts'
import type { Reply } from '../../core/reply.ts'
import { type ExchangeShape, exchangeOf, testContext } from '../testing.ts'
import { decodeDescriptorSet, registryOf } from './descriptor-set.ts'
import { frameOf } from './frames.ts'
import type { GrpcTranscodingOptions } from './options.ts'
import { grpcTranscoding } from './policy.ts'

export const SHOP = `
syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Sells things.
service Shop {
  // Gives an item.
  rpc GetItem(GetItemRequest) returns (Item) {
    option (google.api.http) = {
      get: "/v1/{name=shelves/*/items/*}"
      additional_bindings { get: "/v1/items/{name}" }
    };
  }
  rpc ListItems(ListItemsRequest) returns (ListItemsResponse) {
    option (google.api.http) = { get: "/v1/{parent=shelves/*}/items" response_body: "items" };
  }
  rpc CreateItem(CreateItemRequest) returns (Item) {
    option (google.api.http) = { post: "/v1/{parent=shelves/*}/items" body: "item" };
  }
  rpc UpdateItem(UpdateItemRequest) returns (Item) {
    option (google.api.http) = { patch: "/v1/{item.name=shelves/*/items/*}" body: "item" };
  }
  rpc MoveItem(GetItemRequest) returns (Item) {
    option (google.api.http) = { post: "/v1/{name=shelves/*/items/*}:move" body: "*" };
  }
  rpc ReadFile(GetItemRequest) returns (google.api.HttpBody) {
    option (google.api.http) = { get: "/v1/files/{name=**}" };
  }
  rpc WriteFile(WriteFileRequest) returns (Item) {
    option (google.api.http) = { put: "/v1/files/{name=**}" body: "body" };
  }
  rpc Watch(GetItemRequest) returns (stream Item) {
    option (google.api.http) = { get: "/v1/{name=shelves/*}:watch" };
  }
  rpc Upload(stream Item) returns (Item) {
    option (google.api.http) = { post: "/v1/items:upload" body: "*" };
  }
  rpc Chat(stream Item) returns (stream Item) {
    option (google.api.http) = { custom: { kind: "REPORT" path: "/v1/chat" } body: "*" };
  }
  rpc Unmapped(Item) returns (Item);
}

message GetItemRequest {
  string name = 1;
  google.protobuf.FieldMask mask = 2;
  View view = 3;
  Page page = 4;
}
enum View { VIEW_UNSPECIFIED = 0; FULL = 1; }
message Page { int32 size = 1; string token = 2; }
message ListItemsRequest {
  string parent = 1;
  repeated string tags = 2;
  repeated View views = 3;
  Page page = 4;
  google.protobuf.Timestamp since = 5;
  google.protobuf.Duration within = 6;
  google.protobuf.BoolValue sold = 7;
  google.protobuf.Int64Value least = 8;
  bytes cursor = 9;
  bool deep = 10;
  double ratio = 11;
  uint64 big = 12;
  map<string, string> labels = 13;
  repeated Page pages = 14;
  oneof filter { string colour = 15; string shape = 16; }
  google.protobuf.Value any = 17;
}
message ListItemsResponse { repeated Item items = 1; string next = 2; }
message CreateItemRequest { string parent = 1; Item item = 2 [(google.api.field_behavior) = REQUIRED]; string item_id = 3; }
message UpdateItemRequest { Item item = 1; google.protobuf.FieldMask update_mask = 2; }
message WriteFileRequest { string name = 1; google.api.HttpBody body = 2; }
// A thing to be sold.
message Item {
  // Where it lies.
  string name = 1;
  int64 price_cents = 2;
  View view = 3;
  repeated Item parts = 4;
  google.protobuf.Struct notes = 5;
  google.protobuf.Any extra = 6;
  optional string owner = 7;
}
`

/** Options as workers get them, of an API in one file. */
export async function resolvedOptions(written: Readonly<Record<string, unknown>> = {}, proto = SHOP): Promise<GrpcTranscodingOptions> {
  const schema = await grpcTranscoding.loadSchema()
  const options = schema.parse({ proto: 'shop.proto', ...written })
  const read = (path: string): Promise<string> =>
    path === 'shop.proto' ? Promise.resolve(proto) : Promise.reject(new Error(`the file \`${path}\` cannot be read: there is no such file`))
  const resolved = await grpcTranscoding.resolve?.(options, { read, readBytes: async (path) => Buffer.from(await read(path)) })
  return resolved ?? options
}

export async function stepsFor(
  written: Readonly<Record<string, unknown>> = {},
  proto = SHOP,
  context: CompileContext = testContext,
): Promise<PolicySteps> {
  await grpcTranscoding.load?.()
  return grpcTranscoding.compile(structuredClone(await resolvedOptions(written, proto)), context)
}

/** What goes to the service, or the answer in its place. */
export interface Called {
  readonly exchange: Exchange
  /** The method that is called, and its request as JSON; null where there is an answer. */
  readonly path: string
  readonly message: JsonValue
  readonly reply: Reply | null
}

export interface Sent extends ExchangeShape {
  readonly body?: string | Buffer
}

/** Sends one request through the steps. A body without a type is JSON. */
export async function call(steps: PolicySteps, sent: Sent, input = messageNamed('GetItemRequest')): Promise<Called> {
  const body = sent.body === undefined ? null : Buffer.from(sent.body)
  const typed = sent.headers?.some(([name]) => name.toLowerCase() === 'content-type') === true
  const headers = [...(sent.headers ?? []), ...(body !== null && !typed ? [['Content-Type', 'application/json'] as const] : [])]
  const exchange = exchangeOf({ ...sent, headers, bodyLength: body?.length ?? 0 })
  const refused = (reply: Verdict): Called => ({ exchange, path: '', message: null, reply: reply ?? null })
  const head = await steps.onRequest?.(exchange)
  if (head !== undefined) return refused(head)
  let frame = exchange.requestBody
  if (body !== null && steps.requestBody?.wanted(exchange) === true) {
    const made = await steps.requestBody.run(exchange, body)
    if (!Buffer.isBuffer(made)) return refused(made)
    frame = made
  }
  const message = frame === null ? null : toJson(input, fromBinary(input, frame.subarray(5)), { registry: REGISTRY })
  return { exchange, path: exchange.forward.path, message, reply: null }
}

export const REGISTRY = registryOf(decodeDescriptorSet((await resolvedOptions()).descriptorSet ?? ''))

export function messageNamed(name: string): DescMessage {
  const message = REGISTRY.getMessage(name.includes('.') ? name : `shop.v1.${name}`)
  if (message === undefined) throw new Error(`no message ${name}`)
  return message
}

/** A message in its frame. */
export function framed(name: string, json: JsonValue): Buffer {
  return frameOf(bytesOf(name, json))
}

export function bytesOf(name: string, json: JsonValue): Uint8Array {
  const desc = messageNamed(name)
  return toBinary(desc, json === null ? create(desc) : fromJson(desc, json, { registry: REGISTRY }))
}

type Fields = Readonly<Record<string, string>>

export interface Answered {
  readonly status?: number
  readonly headers?: Fields
  /** Null for a response that ends with its head. */
  readonly body?: Buffer | null
  readonly trailers?: Fields
}

/** What the client gets of a service's answer. */
export interface Got {
  readonly status: number
  readonly headers: Fields
  readonly body: string
}

/** Brings a service's answer back through the steps, its body in pieces of `pieceBytes`. */
export async function answer(steps: PolicySteps, exchange: Exchange, answered: Answered, pieceBytes = 1_000_000): Promise<Got> {
  const { response } = exchange
  response.status = answered.status ?? 200
  response.headers = receivedFields({ 'content-type': 'application/grpc', ...answered.headers })
  const body = answered.body === undefined ? Buffer.alloc(0) : answered.body
  response.bodyLength = body === null ? 0 : -1
  const trailers = answered.trailers === undefined ? null : receivedFields(answered.trailers)
  const early = await steps.onUpstreamResponse?.(exchange)
  if (early !== undefined) return gotReply(early)
  if (exchange.responseFilter !== null) return got(exchange, filtered(exchange, body ?? Buffer.alloc(0), trailers, pieceBytes))
  if (body === null || steps.responseBody?.wanted(exchange) !== true) return got(exchange, (body ?? '').toString())
  response.trailers = trailers
  const made = await steps.responseBody.run(exchange, body)
  if (made === undefined || Buffer.isBuffer(made)) return got(exchange, (made ?? body).toString())
  return gotReply(made)
}

function filtered({ responseFilter: filter }: Exchange, body: Buffer, trailers: Headers | null, pieceBytes: number): string {
  const made: Buffer[] = []
  const output = { data: (bytes: Buffer) => void made.push(Buffer.from(bytes)) }
  for (let at = 0; at < body.length; at += pieceBytes) {
    // Bytes are valid during the call only: here they are overwritten behind it.
    const piece = Buffer.from(body.subarray(at, at + pieceBytes))
    filter?.onData(piece, 0, piece.length, output)
    piece.fill(0xff)
  }
  filter?.onEnd(trailers, output)
  return Buffer.concat(made).toString()
}

function got({ response }: Exchange, body: string): Got {
  return { status: response.status, headers: Object.fromEntries(response.headers.toPairs()), body }
}

function gotReply({ status, code, headers, body, detail }: Reply): Got {
  const fields = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))
  return { status, headers: fields, body: code === null ? body.toString() : `${code} ${detail ?? ''}`.trim() }
}

/** Fields as a connection receives them. */
export function receivedFields(fields: Fields): Headers {
  const block = new Headers()
  for (const [name, value] of Object.entries(fields)) block.append(name, value)
  return block.clone()
}
