/** Asks a server what it offers (grpc.reflection.v1, or v1alpha, which differs in its name alone). Beside the traffic, and seldom. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type SecureClientSessionOptions } from 'node:http2'
import { type FileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { FrameReader, frameOf } from './frames.ts'

export interface ReflectionTarget {
  /** `host:port`. */
  readonly address: string
  readonly tls: boolean | { readonly ca?: string | undefined; readonly serverName?: string | undefined }
  /** Longest time for all. */
  readonly timeout: number
}

const BYTES_MAX = 16 * 2 ** 20
const FILES_MAX = 2_000
const UNIMPLEMENTED = 12
const VERSIONS = ['v1', 'v1alpha'] as const

/**
 * The files of services, with what they import as far as the server has it.
 * @param services full names; undefined for all that the server lists
 * @param registry knows grpc.reflection.v1
 * Rejects when there is no whole answer within the bounds; the message may name hosts.
 */
export async function reflectFiles(
  target: ReflectionTarget,
  services: readonly string[] | undefined,
  registry: FileRegistry,
  signal: AbortSignal,
): Promise<readonly FileDescriptorProto[]> {
  const session = openSession(target)
  const broken = Promise.withResolvers<never>()
  const breakOff = (reason: string): void => {
    broken.reject(new Error(reason))
    session.destroy()
  }
  const timer = setTimeout(() => breakOff('no whole answer in time'), target.timeout)
  const onAbort = (): void => breakOff('no longer needed')
  signal.addEventListener('abort', onAbort)
  session.on('error', (error: Error) => broken.reject(error))
  session.on('close', () => broken.reject(new Error('the connection was closed')))
  broken.promise.catch(() => undefined)
  try {
    return await Promise.race([ask(session, services, registry), broken.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    session.destroy()
  }
}

function openSession({ address, tls }: ReflectionTarget): ClientHttp2Session {
  const options: SecureClientSessionOptions = {}
  if (typeof tls === 'object') {
    if (tls.ca !== undefined) options.ca = tls.ca
    if (tls.serverName !== undefined) options.servername = tls.serverName
  }
  const session = connect(`${tls === false ? 'http' : 'https'}://${address}`, options)
  session.unref()
  return session
}

async function ask(session: ClientHttp2Session, services: readonly string[] | undefined, registry: FileRegistry) {
  for (const version of VERSIONS) {
    const conversation = new Conversation(session, version, registry)
    try {
      return await collect(conversation, services)
    } catch (error) {
      if (!(error instanceof StatusFault && error.code === UNIMPLEMENTED) || version === VERSIONS[1]) throw error
    } finally {
      conversation.close()
    }
  }
  throw new Error('the server has no reflection')
}

async function collect(conversation: Conversation, services: readonly string[] | undefined): Promise<readonly FileDescriptorProto[]> {
  const files = new Map<string, FileDescriptorProto>()
  const add = (found: readonly FileDescriptorProto[]): void => {
    for (const file of found) if (!files.has(file.name)) files.set(file.name, file)
    if (files.size > FILES_MAX) throw new Error(`more than ${FILES_MAX} files`)
  }
  const names = services ?? (await conversation.services()).filter((name) => !name.startsWith('grpc.reflection.'))
  for (const name of names) add(await conversation.files({ fileContainingSymbol: name }))
  for (const file of files.values()) {
    for (const name of file.dependency) {
      // What it does not have may be one of those that come with us.
      if (!files.has(name)) add(await conversation.files({ fileByFilename: name }))
    }
  }
  return [...files.values()]
}

class StatusFault extends Error {
  readonly code: number

  constructor(code: number) {
    super(`gRPC status ${code}`)
    this.code = code
  }
}

type Answer = Readonly<Record<string, JsonValue | undefined>>

/** One stream of questions and answers, one after the other. */
class Conversation {
  readonly #stream: ClientHttp2Stream
  readonly #registry: FileRegistry
  readonly #reader = new FrameReader(BYTES_MAX, 'identity')
  readonly #answers: Buffer[] = []
  #bytes = 0
  #failure: Error | null = null
  #wake: () => void = () => undefined

  constructor(session: ClientHttp2Session, version: string, registry: FileRegistry) {
    this.#registry = registry
    this.#stream = session.request({
      ':method': 'POST',
      ':path': `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    this.#stream.on('response', (headers) => this.#onFields(headers, headers[':status']))
    this.#stream.on('trailers', (trailers) => this.#onFields(trailers, 200))
    this.#stream.on('data', (bytes: Buffer) => this.#onData(bytes))
    this.#stream.on('error', (error: Error) => this.#fail(error))
    this.#stream.on('close', () => this.#fail(new Error('the server ended the conversation')))
  }

  close(): void {
    this.#stream.close()
  }

  async services(): Promise<readonly string[]> {
    const answer = objectOf((await this.#ask({ listServices: '*' }))['listServicesResponse'])
    return listOf(answer['service']).flatMap((service) => {
      const { name } = objectOf(service)
      return typeof name === 'string' ? [name] : []
    })
  }

  /** None where the server says that there are none. */
  async files(question: Record<string, string>): Promise<readonly FileDescriptorProto[]> {
    const answer = objectOf((await this.#ask(question))['fileDescriptorResponse'])
    return listOf(answer['fileDescriptorProto']).flatMap((text) =>
      typeof text === 'string' ? [fromBinary(FileDescriptorProtoSchema, Buffer.from(text, 'base64'))] : [],
    )
  }

  async #ask(question: Record<string, string>): Promise<Answer> {
    const request = this.#message('ServerReflectionRequest')
    const response = this.#message('ServerReflectionResponse')
    if (this.#failure === null) this.#stream.write(frameOf(toBinary(request, fromJson(request, question))))
    while (this.#answers.length === 0) {
      if (this.#failure !== null) throw this.#failure
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    return objectOf(toJson(response, fromBinary(response, this.#answers.shift() ?? Buffer.alloc(0))))
  }

  #message(name: string) {
    const message = this.#registry.getMessage(`grpc.reflection.v1.${name}`)
    if (message === undefined) throw new Error(`grpc.reflection.v1.${name} is not known`)
    return message
  }

  #onFields(fields: Readonly<Record<string, unknown>>, status: number | undefined): void {
    const code = fields['grpc-status']
    if (code !== undefined && code !== '0') this.#fail(new StatusFault(Number(code)))
    else if (status !== 200) this.#fail(new Error(`HTTP status ${status}`))
  }

  #onData(bytes: Buffer): void {
    this.#bytes += bytes.length
    try {
      if (this.#bytes > BYTES_MAX) throw new Error(`more than ${BYTES_MAX} bytes`)
      this.#reader.read(bytes, (message) => this.#answers.push(Buffer.from(message)))
    } catch (error) {
      return this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
    this.#wake()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}

function objectOf(value: JsonValue | undefined): Answer {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}
