import { object, type z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled } from './config-schema.ts'
import { sharingOf } from './grpc-sharing.ts'

const schema = object({ proto: filled().optional() })

type Config = z.output<typeof schema>

export const grpcGateway: KongPlugin<Config> = {
  name: 'grpc-gateway',
  schema,
  rules: {
    'config#order': {
      fidelity: 'approximated',
      reason:
        'calls are made of requests behind all other plugins, which see path, method and fields of the client; preflights are answered before authentication, and have no body; other OPTIONS are 400',
    },
    'config#json': {
      fidelity: 'approximated',
      reason:
        'messages are written in the JSON form of Protocol Buffers with the names of the .proto file: times as RFC 3339, 64-bit numbers as text; a parameter that does not fit its field is refused with 400',
    },
    'config#failures': {
      fidelity: 'approximated',
      reason:
        'a call that fails is answered with a problem document (RFC 9457), `application/problem+json`, with the status that Kong gives',
    },
  },
  translate({ proto }, around) {
    if (proto === undefined) {
      around.error('without `proto` Kong answers every request with 400: name the file that describes the methods', ['proto'])
      return { policies: [] }
    }
    for (const rule of ['config#order', 'config#json', 'config#failures']) around.note(rule, ['proto'])
    const options = {
      proto: nodeOf(proto, around.locate(['proto'])),
      ignoreUnknownParameters: true,
      ignoreUnknownFields: true,
      ignoreContentType: true,
      streams: 'concatenated',
      statuses: { UNIMPLEMENTED: 500 },
      print: { defaults: true, protoNames: true },
    }
    // A policy of a consumer comes too late for preflights.
    const isEarly = around.plugin.scope.consumer === null
    const sharing = isEarly ? sharingOf(around, '*', ['GET', 'POST', 'PATCH', 'DELETE'], ['content-type']) : []
    return { policies: [{ kind: 'grpc-transcoding', options }, ...sharing] }
  },
}
