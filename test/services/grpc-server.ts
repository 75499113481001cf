/** gRPC servers made with grpc-js from .proto text, whose methods speak JSON; and server reflection for them, written by hand. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import {
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { registryOf } from '../../src/policies/grpc-transcoding/descriptor-set.ts'
import { compileProtos } from '../../src/policies/grpc-transcoding/proto/compile.ts'

/** A method of any kind: takes messages, and gives some. */
export type Handler = (requests: AsyncIterable<JsonObject>, metadata: grpc.Metadata) => AsyncIterable<JsonObject>

/** How a method fails. */
export class GrpcFailure extends Error {
  readonly code: grpc.status
  readonly metadata = new grpc.Metadata()

  /** @param details of google.rpc.Status, each with its `@type` */
  constructor(code: grpc.status, message: string, details: readonly JsonObject[] = [], registry?: FileRegistry) {
    super(message)
    this.code = code
    const status = registry?.getMessage('google.rpc.Status')
    if (status === undefined || details.length === 0) return
    this.metadata.set(
      'grpc-status-details-bin',
      Buffer.from(toBinary(status, fromJson(status, { code, message, details: [...details] }, { registry }))),
    )
  }
}

const REFLECTION = 'grpc/reflection/v1/reflection.proto'
const ERRORS = ['google/rpc/status.proto', 'google/rpc/error_details.proto']

/** Descriptors of a .proto text, with those of errors. */
export async function filesOf(text: string): Promise<readonly FileDescriptorProto[]> {
  const read = (name: string) => Promise.resolve(name === 'shop.proto' ? { shownName: name, text } : null)
  return compileProtos(['shop.proto', ...ERRORS], { read })
}

export interface ServerOptions {
  readonly files: readonly FileDescriptorProto[]
  /** By name, `Shop/GetItem`. */
  readonly handlers: Readonly<Record<string, Handler>>
  /** Which reflection it has; none when it is left out. */
  readonly reflection?: 'v1' | 'v1alpha'
  readonly port?: number
}

/** Starts a server, which ends with the test. @returns its port, and how it is stopped before */
export async function startGrpcServer(t: TestContext, options: ServerOptions): Promise<{ readonly port: number; stop(): void }> {
  const server = new grpc.Server()
  const registry = registryOf(options.files)
  for (const file of registry.files) {
    for (const service of file.services) {
      const handlers = service.methods.map((method) => [method, options.handlers[`${service.name}/${method.name}`]] as const)
      for (const [method, handler] of handlers)
        if (handler !== undefined) addMethod(server, registry, method, `/${service.typeName}/${method.name}`, handler)
    }
  }
  if (options.reflection !== undefined) await addReflection(server, options.files, options.reflection)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  t.after(() => server.forceShutdown())
  return { port, stop: () => server.forceShutdown() }
}

const itself = (bytes: Buffer): Buffer => bytes

function addMethod(server: grpc.Server, registry: FileRegistry, method: DescMethod, path: string, handler: Handler): void {
  const requestStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
  const responseStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming'
  const read = (bytes: Buffer): JsonObject => objectOf(toJson(method.input, fromBinary(method.input, bytes), { registry }))
  const write = (json: JsonObject): Buffer => Buffer.from(toBinary(method.output, fromJson(method.output, json, { registry })))
  // A call that is read to its end has yet to be answered: it must not be destroyed then.
  const iterated = (call: AsyncIterable<Buffer>): AsyncIterable<Buffer> =>
    call instanceof Readable ? call.iterator({ destroyOnReturn: false }) : call
  async function* requestsOf(call: AsyncIterable<Buffer> | { readonly request: Buffer }): AsyncIterable<JsonObject> {
    if ('request' in call) yield read(call.request)
    else for await (const bytes of iterated(call)) yield read(bytes)
  }
  const one = (
    call: grpc.ServerUnaryCall<Buffer, Buffer> | grpc.ServerReadableStream<Buffer, Buffer>,
    done: grpc.sendUnaryData<Buffer>,
  ): void => {
    const first = async (): Promise<Buffer> => {
      for await (const json of handler(requestsOf(call), call.metadata)) return write(json)
      throw new GrpcFailure(grpc.status.INTERNAL, 'no message')
    }
    void answer(first(), call.metadata, done)
  }
  const many = (call: grpc.ServerWritableStream<Buffer, Buffer> | grpc.ServerDuplexStream<Buffer, Buffer>): void => {
    const all = async (): Promise<void> => {
      for await (const json of handler(requestsOf(call), call.metadata)) call.write(write(json))
      call.end()
    }
    all().catch((error: unknown) => void call.emit('error', failureOf(error)))
  }
  const definition = {
    path,
    requestStream,
    responseStream,
    requestSerialize: itself,
    requestDeserialize: itself,
    responseSerialize: itself,
    responseDeserialize: itself,
  }
  server.addService({ [method.name]: definition }, { [method.name]: responseStream ? many : one })
}

/** A call with `x-trailer` gets metadata behind its message. */
async function answer(message: Promise<Buffer>, metadata: grpc.Metadata, done: grpc.sendUnaryData<Buffer>): Promise<void> {
  try {
    done(null, await message, metadata.get('x-trailer').length > 0 ? trailers() : undefined)
  } catch (error) {
    done(failureOf(error))
  }
}

function trailers(): grpc.Metadata {
  const metadata = new grpc.Metadata()
  metadata.set('x-from-trailers', 'yes')
  return metadata
}

function failureOf(error: unknown): Partial<grpc.StatusObject> & Error {
  if (error instanceof GrpcFailure)
    return Object.assign(new Error(error.message), { code: error.code, details: error.message, metadata: error.metadata })
  return Object.assign(new Error(String(error)), { code: grpc.status.UNKNOWN, details: String(error) })
}

function objectOf(json: JsonValue): JsonObject {
  assert.ok(typeof json === 'object' && json !== null && !Array.isArray(json))
  return json
}

/** grpc.reflection.v1 (or v1alpha), as far as clients that ask for services and their files need it. */
async function addReflection(server: grpc.Server, files: readonly FileDescriptorProto[], version: string): Promise<void> {
  const registry = registryOf(await compileProtos([REFLECTION], { read: () => Promise.resolve(null) }))
  const [method] = registry.getService('grpc.reflection.v1.ServerReflection')?.methods ?? []
  assert.ok(method)
  const own = registryOf(files)
  const encoded = (file: FileDescriptorProto | undefined): JsonObject =>
    file === undefined
      ? { errorResponse: { errorCode: 5, errorMessage: 'not found' } }
      : { fileDescriptorResponse: { fileDescriptorProto: [Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString('base64')] } }
  addMethod(
    server,
    registry,
    method,
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    async function* answer(requests) {
      for await (const request of requests) {
        if (typeof request['fileContainingSymbol'] === 'string') yield encoded(own.getService(request['fileContainingSymbol'])?.file.proto)
        else if (typeof request['fileByFilename'] === 'string') yield encoded(own.getFile(request['fileByFilename'])?.proto)
        else {
          const names = [...own.files].flatMap(({ services }) => services.map(({ typeName }) => typeName))
          yield { listServicesResponse: { service: [...names, `grpc.reflection.${version}.ServerReflection`].map((name) => ({ name })) } }
        }
      }
    },
  )
}
