import type { Exchange } from '../../core/exchange.ts'
import { isGrpcType, takesText } from '../../core/grpc.ts'
import type { Headers } from '../../core/headers.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { Base64Decoder } from './base64.ts'
import { WebResponse } from './response.ts'
import { review } from './review.ts'
import type { GrpcWebOptions } from './schema.ts'

/** @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
export const grpcWeb: PolicyDefinition<GrpcWebOptions> = {
  kind: 'grpc-web',
  summary: 'Brings calls of gRPC-Web, as browsers make them, to services that speak gRPC.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  translates: true,
  review,
  compile: () => ({
    onRequest: (exchange) => {
      if (isWeb(exchange)) translateRequest(exchange)
      return undefined
    },
    onUpstreamResponse: (exchange) => {
      // An answer that is not gRPC is of somebody between: its status tells the client enough.
      if (isWeb(exchange) && isGrpcType(exchange.response.headers.get('Content-Type'))) translateResponse(exchange)
      return undefined
    },
  }),
}

function isWeb({ rpc }: Exchange): boolean {
  return rpc === 'grpc-web' || rpc === 'grpc-web-text'
}

function translateRequest(exchange: Exchange): void {
  const { headers } = exchange.request
  headers.set('Content-Type', `application/grpc${formatOf(headers)}`)
  headers.delete('X-Grpc-Web')
  if (exchange.rpc === 'grpc-web-text') exchange.requestFilter = new Base64Decoder()
}

function translateResponse(exchange: Exchange): void {
  const { response, request, rpc } = exchange
  const { headers } = response
  const inText = takesText(rpc, request.headers)
  headers.set('Content-Type', `application/grpc-web${inText ? '-text' : ''}${formatOf(headers) || '+proto'}`)
  headers.delete('Trailer')
  exchange.responseFilter = new WebResponse(takeStatus(headers), inText)
}

/** The format of messages in a Content-Type: `+proto`, or nothing. */
function formatOf(headers: Headers): string {
  const [, format = ''] = /^[^+;]*(\+[^; \t]+)/.exec(headers.get('Content-Type') ?? '') ?? []
  return format
}

/**
 * Takes the status out of the head of a Trailers-Only response. In the body every page can read it; in the head only those to which CORS
 * shows its fields.
 */
function takeStatus(headers: Headers): readonly (readonly [string, string])[] {
  const taken: (readonly [string, string])[] = []
  for (const name of STATUS_FIELDS) {
    for (const value of headers.getAll(name)) taken.push([name, value])
    headers.delete(name)
  }
  return taken
}

const STATUS_FIELDS = ['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'grpc-retry-pushback-ms'] as const
