import { object, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, PluginSurroundings, TranslatedPolicy } from '../types.ts'
import { filled } from './config-schema.ts'
import { sharingOf } from './grpc-sharing.ts'

const schema = object({
  proto: filled().optional(),
  pass_stripped_path: z.boolean().default(false),
  allow_origin_header: z.string().default('*'),
})

type Config = z.output<typeof schema>

const ORIGIN = /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/\s,*]+)$/i

export const grpcWeb: KongPlugin<Config> = {
  name: 'grpc-web',
  schema,
  rules: {
    'config#others': {
      fidelity: 'approximated',
      reason:
        'requests that are no gRPC-Web pass as they are, those of gRPC among them; Kong answers 400; OPTIONS that are no preflight pass, too',
    },
    'config.proto': {
      fidelity: 'approximated',
      reason:
        'JSON is sent to `/package.Service/Method` as with Kong, but for methods with a `google.api.http` option, which are offered as that says; a call that fails is answered with an HTTP status and a problem document (RFC 9457)',
    },
    'config.pass_stripped_path': {
      fidelity: 'approximated',
      reason:
        'a route of this service keeps its path (`strip_path: false`), and the plugin strips it all the same: give the plugin to the routes that strip',
    },
    'config.allow_origin_header': {
      fidelity: 'unsupported',
      reason: 'it is neither `*` nor an origin, so that no browser takes it for one: no header is set',
    },
  },
  translate({ proto, pass_stripped_path: strips, allow_origin_header: origin }, around) {
    around.note('config#others', [])
    const policies: TranslatedPolicy[] = [{ kind: 'grpc-web', options: {} }]
    if (ORIGIN.test(origin)) policies.push(...sharingOf(around, origin, ['POST'], ['content-type', 'x-grpc-web', 'x-user-agent']))
    else around.note('config.allow_origin_header', ['allow_origin_header'])
    if (strips && stripsPath(around)) policies.push({ kind: 'rewrite', options: { stripMatched: true } })
    if (proto !== undefined) {
      around.note('config.proto', ['proto'])
      const options = {
        proto: nodeOf(proto, around.locate(['proto'])),
        autoMapping: true,
        ignoreUnknownParameters: true,
        ignoreUnknownFields: true,
        print: { defaults: true, protoNames: true },
      }
      policies.push({ kind: 'grpc-transcoding', options })
    }
    return { policies }
  },
}

/** Whether the path that reaches the service is one that the route has stripped. */
function stripsPath(around: PluginSurroundings): boolean {
  const { route, service } = around.plugin.scope
  if (route !== null) return route.fields.stripPath
  const concerned = around.document.routes.filter((other) => service === null || other.service === service)
  if (concerned.some(({ fields }) => !fields.stripPath)) around.note('config.pass_stripped_path', ['pass_stripped_path'])
  return true
}
