import type { Headers } from '../../core/headers.ts'
import { type UpstreamRequest, VIA } from '../h1/request-head.ts'
import type { FrameOutput } from './frame-output.ts'
import { FLAG_END_STREAM, FRAME_HEADER_BYTES, FRAME_SIZE_MAX, frameBlock } from './frames.ts'
import { HpackEncoder } from './hpack-encoder.ts'

/** Indices of the static table (RFC 7541, appendix A). */
const METHOD_GET = 2
const METHOD_POST = 3
const PATH_ROOT = 4
const SCHEME_HTTP = 6
const SCHEME_HTTPS = 7

/** Room for the names and the short values that are written besides the headers. */
const OWN_FIELDS_MAX = 512

/**
 * Writes the HEADERS frame of a request, and what CONTINUATION it needs. The stream ends with it where there is no body.
 * @param isSecure whether TLS is spoken with the service
 */
export function writeRequestBlock(
  output: FrameOutput,
  encoder: HpackEncoder,
  streamId: number,
  request: UpstreamRequest,
  isSecure: boolean,
): void {
  const { headers, method, target, bodyLength } = request
  const authority = request.authority ?? headers.get('Host') ?? ''
  const blockMax = HpackEncoder.sizeMax(headers) + method.length + target.length + authority.length + OWN_FIELDS_MAX
  const at = output.begin(blockMax + FRAME_HEADER_BYTES * (2 + Math.ceil(blockMax / FRAME_SIZE_MAX)))
  encoder.begin(output.target, at + FRAME_HEADER_BYTES)
  if (method === 'GET') encoder.writeIndexed(METHOD_GET)
  else if (method === 'POST') encoder.writeIndexed(METHOD_POST)
  else encoder.writeField(':method', method)
  encoder.writeIndexed(isSecure ? SCHEME_HTTPS : SCHEME_HTTP)
  if (authority !== '') encoder.writeField(':authority', authority)
  if (target === '/') encoder.writeIndexed(PATH_ROOT)
  else encoder.writeField(':path', target)
  encoder.writeHeaders(headers)
  encoder.writeField('via', VIA[request.version])
  if (bodyLength > 0 && !headers.has('Content-Length')) encoder.writeField('content-length', String(bodyLength))
  if (readsTrailers(request)) encoder.writeField('te', 'trailers')
  if (request.expectsContinue) encoder.writeField('expect', '100-continue')
  const flags = bodyLength === 0 ? FLAG_END_STREAM : 0
  output.end(frameBlock(output.target, at, encoder.end(), flags, streamId, FRAME_SIZE_MAX))
}

/** Writes the HEADERS frame of trailers, which ends the stream. Returns false, and writes nothing, when there is no field in them. */
export function writeTrailerBlock(output: FrameOutput, encoder: HpackEncoder, streamId: number, trailers: Headers): boolean {
  if (trailers.toPairs().length === 0) return false
  const blockMax = HpackEncoder.sizeMax(trailers) + OWN_FIELDS_MAX
  const at = output.begin(blockMax + FRAME_HEADER_BYTES * (2 + Math.ceil(blockMax / FRAME_SIZE_MAX)))
  encoder.begin(output.target, at + FRAME_HEADER_BYTES)
  encoder.writeHeaders(trailers)
  output.end(frameBlock(output.target, at, encoder.end(), FLAG_END_STREAM, streamId, FRAME_SIZE_MAX))
  return true
}

/** gRPC servers refuse calls without `te: trailers`, and their clients always read them (gRPC over HTTP/2, "Requests"). */
function readsTrailers({ acceptsTrailers, headers }: UpstreamRequest): boolean {
  return acceptsTrailers || headers.get('Content-Type')?.startsWith('application/grpc') === true
}
