/**
 * A gRPC service with calls of one message and a stream, made with grpc-js. What messages look like is in library.binpb, which protoc made of
 * library.proto: `protoc --include_imports --descriptor_set_out=library.binpb library.proto google/rpc/status.proto google/rpc/error_details.proto`.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFileRegistry, type DescMessage, fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'

export const PORT = 9012

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(new URL('library.binpb', import.meta.url))))

function messageNamed(name: string): DescMessage {
  const message = registry.getMessage(name)
  if (message === undefined) throw new Error(`library.binpb has no ${name}`)
  return message
}

interface Book extends JsonObject {
  name: string
  title: string
  authors: string[]
  isbn: string
  genre: string
  added: string
}

const ADDED = '2026-01-31T12:00:00Z'
const BOOKS = new Map<string, Book>(
  [
    {
      name: 'shelves/fiction/books/moby-dick',
      title: 'Moby-Dick',
      authors: ['Herman Melville'],
      isbn: '9780142437247',
      genre: 'NOVEL',
      added: ADDED,
    },
    {
      name: 'shelves/science/books/cosmos',
      title: 'Cosmos',
      authors: ['Carl Sagan'],
      isbn: '9780345539434',
      genre: 'SCIENCE',
      added: ADDED,
    },
    {
      name: 'shelves/science/books/origin',
      title: 'On the Origin of Species',
      authors: ['Charles Darwin'],
      isbn: '9780451529060',
      genre: 'SCIENCE',
      added: ADDED,
    },
  ].map((book) => [book.name, book]),
)

/** How a call fails: a status, and details that say more than its message. */
function failure(code: grpc.status, message: string, ...details: JsonObject[]): grpc.ServerErrorResponse {
  const metadata = new grpc.Metadata()
  const status = messageNamed('google.rpc.Status')
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(status, fromJson(status, { code, message, details }, { registry }))))
  return Object.assign(new Error(message), { code, details: message, metadata })
}

interface ListRequest {
  parent: string
  pageSize: number
  filter: { genres: string[] } | undefined
}

function list({ parent, pageSize, filter }: ListRequest): Book[] {
  const genres = filter?.genres ?? []
  const books = [...BOOKS.values()].filter(
    ({ name, genre }) => name.startsWith(`${parent}/`) && (genres.length === 0 || genres.includes(genre)),
  )
  return books.slice(0, pageSize > 0 ? pageSize : undefined)
}

function get({ name }: { name: string }): Book {
  const book = BOOKS.get(name)
  if (book !== undefined) return book
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'NO_SUCH_BOOK',
    domain: 'library.example',
    metadata: { name },
  }
  throw failure(grpc.status.NOT_FOUND, `there is no book ${name}`, info)
}

function put({ parent, book }: { parent: string; book: Book | undefined }): Book {
  if (book === undefined || book.title === '') {
    const violation = { field: 'book.title', description: 'a book has a title' }
    throw failure(grpc.status.INVALID_ARGUMENT, 'this is no book', {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [violation],
    })
  }
  const made = { ...book, name: `${parent}/books/${book.title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`, added: ADDED }
  BOOKS.set(made.name, made)
  return made
}

/** Books that are there, and those that come while the caller listens. */
async function* watch({ parent }: ListRequest): AsyncGenerator<Book> {
  const told = new Set<string>()
  for (let round = 0; round < 10; round++) {
    for (const book of BOOKS.values()) {
      if (!book.name.startsWith(`${parent}/`) || told.has(book.name)) continue
      told.add(book.name)
      yield book
    }
    await sleep(100)
  }
}

const read =
  <Request>(name: string) =>
  (bytes: Buffer): Request => {
    const message = messageNamed(name)
    // Messages are handled in JSON here, with all their fields, as the interfaces above say.
    return toJson(message, fromBinary(message, bytes), { alwaysEmitImplicit: true, registry }) as Request
  }

const write =
  (name: string) =>
  (json: JsonObject): Buffer =>
    Buffer.from(toBinary(messageNamed(name), fromJson(messageNamed(name), json, { registry })))

/** A method of grpc-js: how messages become bytes, and back. */
function method<Request>(
  name: string,
  request: string,
  response: string,
  responseStream = false,
): grpc.MethodDefinition<Request, JsonObject> {
  return {
    path: `/library.v1.Library/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: read<Request>(`library.v1.${request}`),
    responseSerialize: write(`library.v1.${response}`),
    responseDeserialize: (bytes) => ({ bytes: bytes.length }),
  }
}

/** What a method gives, or its failure. */
function unary<Request>(run: (request: Request) => JsonObject): grpc.handleUnaryCall<Request, JsonObject> {
  return ({ request }, done) => {
    try {
      done(null, run(request))
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

async function pour(call: grpc.ServerWritableStream<ListRequest, JsonObject>): Promise<void> {
  for await (const book of watch(call.request)) call.write(book)
  call.end()
}

/** Starts the service; gives what stops it. */
export async function startService(port = PORT): Promise<() => void> {
  const server = new grpc.Server()
  server.addService(
    {
      GetBook: method('GetBook', 'GetBookRequest', 'Book'),
      ListBooks: method('ListBooks', 'ListBooksRequest', 'ListBooksResponse'),
      CreateBook: method('CreateBook', 'CreateBookRequest', 'Book'),
      WatchBooks: method('WatchBooks', 'ListBooksRequest', 'Book', true),
    },
    {
      GetBook: unary(get),
      ListBooks: unary((request: ListRequest) => ({ books: list(request) })),
      CreateBook: unary(put),
      WatchBooks: (call: grpc.ServerWritableStream<ListRequest, JsonObject>) => void pour(call),
    },
  )
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)))
  })
  return () => server.forceShutdown()
}
