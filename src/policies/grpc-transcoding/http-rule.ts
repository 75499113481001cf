import {
  type DescExtension,
  type DescMethod,
  getExtension,
  hasExtension,
  isMessage,
  type JsonValue,
  type Registry,
  toJson,
} from '@bufbuild/protobuf'

/** One way to call a method by HTTP: google.api.HttpRule without its further bindings. */
export interface HttpRule {
  /** In upper case; `*` for any. */
  readonly method: string
  readonly template: string
  /** `*` for the whole message, a field of it, or empty for none. */
  readonly body: string
  /** A field of the response; empty for all of it. */
  readonly responseBody: string
}

const PATTERNS = ['get', 'put', 'post', 'delete', 'patch'] as const
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/

/** The rules of a method (`google.api.http` with its additional bindings); none where it has no such option. */
export function httpRulesOf({ proto: { options } }: DescMethod, registry: Registry): readonly (HttpRule | { readonly problem: string })[] {
  const extension = registry.getExtension('google.api.http')
  if (options === undefined || extension === undefined || !hasExtension(options, extension)) return []
  const rule = ruleOf(options, extension, registry)
  const additional = Array.isArray(rule['additionalBindings']) ? rule['additionalBindings'] : []
  return [readRule(rule), ...additional.map((binding) => readBinding(objectOf(binding)))]
}

function ruleOf(options: Parameters<typeof hasExtension>[0], extension: DescExtension, registry: Registry): JsonObject {
  const { message } = extension
  const value: unknown = getExtension(options, extension)
  return message !== undefined && isMessage(value, message) ? objectOf(toJson(message, value, { registry })) : {}
}

type JsonObject = Readonly<Record<string, JsonValue | undefined>>

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function readBinding(rule: JsonObject): HttpRule | { readonly problem: string } {
  return rule['additionalBindings'] === undefined
    ? readRule(rule)
    : { problem: 'a binding among `additional_bindings` has none of its own' }
}

function readRule(rule: JsonObject): HttpRule | { readonly problem: string } {
  const rest = { body: textOf(rule['body']), responseBody: textOf(rule['responseBody']) }
  if (rule['custom'] !== undefined) {
    const { kind, path } = objectOf(rule['custom'])
    const method = textOf(kind)
    if (!TOKEN.test(method)) return { problem: `\`${method}\` of \`custom\` is no method` }
    if (method === 'HEAD' || method === 'CONNECT') return { problem: `\`${method}\` has no answer that could be read` }
    return { method, template: textOf(path), ...rest }
  }
  const pattern = PATTERNS.find((name) => rule[name] !== undefined)
  if (pattern === undefined) return { problem: 'a rule needs one of `get`, `put`, `post`, `delete`, `patch` and `custom`' }
  return { method: pattern.toUpperCase(), template: textOf(rule[pattern]), ...rest }
}
