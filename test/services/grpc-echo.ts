/** A gRPC service of all four kinds, made with grpc-js: it gives back what it gets, or does what a call's metadata ask of it. */
import { type EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import * as grpc from '@grpc/grpc-js'

type Call = EventEmitter & Pick<grpc.ServerUnaryCall<Buffer, Buffer>, 'metadata' | 'getDeadline' | 'getPath' | 'sendMetadata'>

/** One call as the service saw it. */
export interface EchoCall {
  readonly path: string
  readonly metadata: grpc.Metadata
  /** Milliseconds that the client gave it; Infinity for no deadline. */
  readonly timeoutMs: number
  /** It has ended, or nobody waits for it any more. */
  isOver: boolean
}

const itself = (bytes: Buffer): Buffer => bytes

export function methodOf(name: string, requestStream = false, responseStream = false): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: `/test.Echo/${name}`,
    requestStream,
    responseStream,
    requestSerialize: itself,
    requestDeserialize: itself,
    responseSerialize: itself,
    responseDeserialize: itself,
  }
}

/**
 * What calls may ask for in their metadata: `x-status: 5` for that status, `x-fail-first: 2` for UNAVAILABLE twice, `x-hang: 1` for no answer,
 * `x-count: 3` for so many messages of a stream, `x-rest: 1` for a stream that then neither ends nor says more. `x-echo` and `x-echo-bin` come
 * back in the head and in the trailers.
 */
export class EchoServer {
  readonly calls: EchoCall[] = []
  port = 0
  readonly #server = new grpc.Server()

  static async start(t: TestContext, port = 0): Promise<EchoServer> {
    const echo = new EchoServer()
    await echo.#listen(port)
    t.after(() => echo.stop())
    return echo
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  async #listen(port: number): Promise<void> {
    this.#server.addService(
      {
        Unary: methodOf('Unary'),
        Download: methodOf('Download', false, true),
        Upload: methodOf('Upload', true, false),
        Chat: methodOf('Chat', true, true),
      },
      {
        Unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          const failure = this.#begin(call)
          if (failure === 'hang') return
          if (failure === null) done(null, call.request, trailersOf(call))
          else done(failure)
        },
        Download: (call: grpc.ServerWritableStream<Buffer, Buffer>) => void this.#download(call),
        Upload: (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          const failure = this.#begin(call)
          if (failure === 'hang') return
          if (failure !== null) return done(failure)
          const received: Buffer[] = []
          call.on('data', (bytes: Buffer) => received.push(bytes))
          call.on('end', () => done(null, Buffer.concat(received), trailersOf(call)))
        },
        Chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
          const failure = this.#begin(call)
          if (failure === 'hang') return
          if (failure !== null) return void call.destroy(Object.assign(new Error(failure.details), failure))
          call.on('data', (bytes: Buffer) => call.write(bytes))
          call.on('end', () => call.end(trailersOf(call)))
        },
      },
    )
    this.port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }

  async #download(call: grpc.ServerWritableStream<Buffer, Buffer>): Promise<void> {
    const failure = this.#begin(call)
    if (failure === 'hang') return
    if (failure !== null) return void call.destroy(Object.assign(new Error(failure.details), failure))
    const count = Number(call.metadata.get('x-count')[0] ?? 3)
    for (let i = 0; i < count && !call.cancelled; i++) if (!call.write(call.request)) await once(call, 'drain')
    if (call.metadata.get('x-rest').length === 0) call.end(trailersOf(call))
  }

  /** Notes a call, and sends its head. Returns how it is to fail, or null. */
  #begin(call: Call): { readonly code: number; readonly details: string; readonly metadata: grpc.Metadata } | 'hang' | null {
    const deadline = call.getDeadline()
    const timeoutMs = deadline instanceof Date ? deadline.getTime() - Date.now() : deadline - Date.now()
    const seen: EchoCall = { path: call.getPath(), metadata: call.metadata.clone(), timeoutMs, isOver: false }
    this.calls.push(seen)
    // It is told at every end.
    call.on('cancelled', () => {
      seen.isOver = true
    })
    const [status] = call.metadata.get('x-status')
    const [failures = 0] = call.metadata.get('x-fail-first')
    const metadata = trailersOf(call)
    const [pushback] = call.metadata.get('x-pushback')
    if (pushback !== undefined) metadata.set('grpc-retry-pushback-ms', pushback)
    if (status !== undefined) return { code: Number(status), details: 'as it was asked, für 5 €', metadata }
    if (this.calls.length <= Number(failures)) return { code: grpc.status.UNAVAILABLE, details: 'not yet', metadata }
    if (call.metadata.get('x-hang').length > 0) return 'hang'
    if (call.metadata.get('x-echo').length > 0) call.sendMetadata(trailersOf(call))
    return null
  }
}

function trailersOf({ metadata }: Call): grpc.Metadata {
  const trailers = new grpc.Metadata()
  for (const name of ['x-echo', 'x-echo-bin']) for (const value of metadata.get(name)) trailers.add(name, value)
  return trailers
}
