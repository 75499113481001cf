/** What does not go together in endpoints; told when the configuration is checked. */
import { Codecs } from './codecs.ts'
import { segmentsOf, shapeOf } from './endpoints.ts'
import { JsonSchemas } from './json-schemas.ts'
import type { Operation, SoapModel } from './model.ts'
import type { SoapOptions } from './options.ts'
import { parameterMembers } from './parameters.ts'
import { takesBody } from './service-plan.ts'
import { isXmlText } from './xml-text.ts'

/** Throws an Error for the first thing that is wrong. */
export function checkEndpoints(model: SoapModel, { usernameToken }: SoapOptions): void {
  const codecs = new Codecs(model.types)
  const schemas = new JsonSchemas(model.types)
  const seen = new Map<string, string>()
  for (const operation of model.operations) {
    const { name, method, path } = operation
    const shape = shapeOf(method, segmentsOf(path))
    const twin = seen.get(shape)
    if (twin !== undefined) throw new Error(`the operations \`${twin}\` and \`${name}\` have the same endpoint: \`${method} ${path}\``)
    seen.set(shape, name)
    checkMembers(operation, codecs, schemas)
  }
  if (usernameToken !== undefined && !isXmlText(usernameToken.username + usernameToken.password))
    throw new Error('the `usernameToken` has a character that XML cannot carry')
}

function checkMembers({ name, method, path, input }: Operation, codecs: Codecs, schemas: JsonSchemas): void {
  const members = parameterMembers(input, codecs)
  for (const segment of segmentsOf(path)) {
    if (!('param' in segment) || members.has(segment.param)) continue
    const known = [...members.keys()].slice(0, 10).map((member) => `\`${member}\``)
    throw new Error(
      `\`:${segment.param}\` is no member of the input of \`${name}\` that a path can give${known.length > 0 ? `: expected one of ${known.join(', ')}` : ''}`,
    )
  }
  if (takesBody(method)) return
  const missing = schemas.requiredOf(input).find((member) => !members.has(member))
  if (missing !== undefined)
    throw new Error(`\`${name}\` cannot be ${method}: its input must have \`${missing}\`, which no parameter can give`)
}
