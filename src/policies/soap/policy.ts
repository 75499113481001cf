import type { Exchange } from '../../core/exchange.ts'
import type { PolicyDefinition, PolicySteps, Remark } from '../../core/policy.ts'
import type { SoapModel } from './model.ts'
import type { SoapOptions } from './options.ts'
import type { Call } from './request.ts'

/** What reads XML, loaded where requests are translated. */
let translators: typeof import('./translators.ts') | null = null

const BESIDE_TRANSCODING: Remark = {
  severity: 'warning',
  path: [],
  message:
    '`grpc-transcoding` is in force on the same route: each of the two answers 404 to the paths of the other. Give them routes of their own',
}

export const soap: PolicyDefinition<SoapOptions> = {
  kind: 'soap',
  summary: 'Offers the operations of a SOAP service as REST endpoints with JSON.',
  translates: true,
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  async load() {
    translators ??= await import('./translators.ts')
  },
  async resolve(options, files) {
    const [{ readWsdl }, { checkEndpoints }] = await Promise.all([import('./wsdl.ts'), import('./endpoint-checks.ts')])
    const model = await readWsdl(options, files)
    checkEndpoints(model, options)
    return { ...options, model }
  },
  review: ({ model }, around) => [
    ...(model?.remarks ?? []).map((message) => ({ severity: 'warning', path: ['wsdl'], message }) as const),
    ...(around.optionsOf('grpc-transcoding') === undefined ? [] : [BESIDE_TRANSCODING]),
  ],
  async describeApi({ model, basePath, faults }) {
    const { describe } = await import('./openapi.ts')
    return model === undefined ? null : describe(model, basePath ?? '', faults)
  },
  compile(options) {
    if (translators === null) throw new Error('the translators are loaded before policies are compiled')
    return stepsOf(translators, options, modelOf(options))
  },
}

function modelOf({ model, wsdl }: SoapOptions): SoapModel {
  if (model === undefined) throw new Error(`the file \`${wsdl}\` has not been read`)
  return model
}

function stepsOf(
  { RequestTranslator, ResponseTranslator, servicePlan }: NonNullable<typeof translators>,
  options: SoapOptions,
  model: SoapModel,
): PolicySteps {
  const service = servicePlan(model, options.basePath ?? '')
  const requests = new RequestTranslator(service, options)
  const responses = new ResponseTranslator(service, options)
  /** What the step on a request leaves to those behind it. */
  const calls = new WeakMap<Exchange, Call>()
  const callOf = (exchange: Exchange): Call => {
    const call = calls.get(exchange)
    if (call === undefined) throw new Error('a step on the request comes before those on bodies and responses')
    return call
  }
  return {
    onRequest(exchange) {
      const begun = requests.begin(exchange)
      // In shadow the exchange goes on all the same.
      calls.delete(exchange)
      if (!('plan' in begun)) return begun
      calls.set(exchange, begun)
      return undefined
    },
    requestBody: {
      bytesMax: options.bodyBytesMax,
      wanted: (exchange) => calls.get(exchange)?.awaitsBody === true,
      run: (exchange, body) => requests.body(exchange, callOf(exchange), body),
    },
    onAttempt: (exchange) => {
      if (calls.has(exchange)) requests.accept(exchange)
    },
    onUpstreamResponse: (exchange) => {
      const call = calls.get(exchange)
      return call === undefined ? undefined : responses.head(exchange, call)
    },
    responseBody: {
      bytesMax: options.bodyBytesMax,
      wanted: (exchange) => {
        const call = calls.get(exchange)
        return call !== undefined && responses.wants(exchange, call)
      },
      tooLarge: (exchange) => responses.tooLarge(exchange, callOf(exchange)),
      run: (exchange, body) => responses.body(exchange, callOf(exchange), body),
    },
  }
}
